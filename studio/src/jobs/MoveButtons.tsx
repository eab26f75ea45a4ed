import { useEffect, useRef } from "react";
import { useScreenTexts } from "../i18n";
import { IconButton } from "../ui/controls";
import { DownIcon, FrontIcon, UpIcon } from "../ui/icons";
import { type Step, steps } from "./queueOrder";
import { TEXTS } from "./texts";

const BUTTONS = [
  ["front", FrontIcon],
  ["up", UpIcon],
  ["down", DownIcon],
] as const;

/** Moves a queued job in its queue. The pressed button keeps the focus while its row moves. A press
 * during a move begins at the place where that will end. */
export function MoveButtons({
  title,
  position,
  last,
  isMoving,
  onMove,
}: {
  title: string;
  position: number;
  last: number | null;
  isMoving: boolean;
  onMove: (position: number) => void;
}) {
  const t = useScreenTexts(TEXTS);
  const group = useRef<HTMLFieldSetElement>(null);
  const pressed = useRef<Step>(null);
  const reached = useRef(position);
  useEffect(() => {
    if (!isMoving) reached.current = position;
  }, [isMoving, position]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the row has moved with its position
  useEffect(() => {
    if (pressed.current === null || isMoving) return;
    const button =
      group.current?.querySelector<HTMLElement>(`[data-step=${pressed.current}]:enabled`) ??
      group.current?.querySelector<HTMLElement>("button:enabled");
    pressed.current = null;
    const focused = document.activeElement;
    const isLost = focused === null || focused.matches("body, :disabled");
    if (isLost) button?.focus();
  }, [isMoving, position]);
  const possible = steps(position, last);
  return (
    <fieldset className="job-order" aria-label={t.order(title)} ref={group}>
      {BUTTONS.map(([step, Icon]) => (
        <IconButton
          key={step}
          data-step={step}
          label={t[`move_${step}`]}
          isDisabled={possible[step] === undefined}
          onPress={() => {
            const target = steps(reached.current, last)[step];
            if (target === undefined) return;
            pressed.current = step;
            reached.current = target;
            onMove(target);
          }}
        >
          <Icon />
        </IconButton>
      ))}
    </fieldset>
  );
}
