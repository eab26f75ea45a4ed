import { Button } from "react-aria-components";
import { useTexts } from "../i18n";
import { useCopy } from "./useCopy";

/** Buttons that copy texts. */
export function CopyRow({ texts }: { texts: readonly { label: string; text: () => string }[] }) {
  const { t } = useTexts();
  const [{ what, state }, copy] = useCopy();
  return (
    <>
      <div className="chips">
        {texts.map(({ label, text }) => (
          <Button
            key={label}
            className={`chip ${what === label ? state : ""}`}
            onPress={() => void copy(label, text())}
          >
            {what === label && state === "copied" ? t.copied : label}
          </Button>
        ))}
      </div>
      <p className="live" role="status">
        {state === "copied" ? t.copied : state === "failed" ? t.copyFailed : ""}
      </p>
    </>
  );
}
