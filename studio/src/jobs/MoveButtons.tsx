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

/** Moves a queued job in its queue. The pressed button keeps the focus while its row moves. During a
 * move, a further press counts from the place that the job moves to. */
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
  const pressedAt = useRef(position);
  const reached = useRef(position);
  useEffect(() => {
    if (!isMoving) reached.current = position;
  }, [isMoving, position]);
  useEffect(() => {
    // The list may show the new place only after the move has ended.
    if (pressed.current === null || isMoving || position === pressedAt.current) return;
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
            pressedAt.current = position;
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
