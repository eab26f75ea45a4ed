import { useEffect, useState } from "react";
import { Button } from "react-aria-components";
import { useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import { CloseIcon } from "./icons";

const SHOWN_MS = 12_000;

/** Says for a while what was done, with a button that undoes it. It stays while it is pointed at, has
 * the focus, or shows an error. */
export function UndoToast({
  text,
  error,
  isPending,
  onUndo,
  onEnd,
}: {
  text: string;
  error: Error | null;
  isPending: boolean;
  onUndo: () => void;
  onEnd: () => void;
}) {
  const { t } = useTexts();
  const [held, setHeld] = useState(false);
  const stays = held || isPending || error !== null;
  useEffect(() => {
    if (stays) return;
    const timer = setTimeout(onEnd, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [stays, onEnd]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: its buttons are focused
    <div
      className="toast"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <p role="status">{text}</p>
      {error && (
        <p role="alert">
          <ErrorText error={error} />
        </p>
      )}
      <Button className="button small" isDisabled={isPending} onPress={onUndo}>
        {t.undo}
      </Button>
      <Button className="icon-button" aria-label={t.close} onPress={onEnd}>
        <CloseIcon />
      </Button>
    </div>
  );
}
