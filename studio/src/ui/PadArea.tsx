import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef } from "react";

const STEP = 0.05; // of an arrow key

interface Place {
  x: number;
  y: number;
}

/** A square with a dot, which is dragged or moved with the arrow keys. */
export function PadArea({
  label,
  valueText,
  place,
  onMove,
  children,
}: {
  label: string;
  valueText: string;
  /** From 0 at the left and the top to 1 at the right and the bottom. */
  place: Place;
  onMove: (place: Place) => void;
  children: ReactNode;
}) {
  const area = useRef<HTMLDivElement>(null);
  const { x, y } = place;
  const clamp = (value: number) => Math.min(1, Math.max(0, value));
  const follow = (event: PointerEvent) => {
    const box = area.current?.getBoundingClientRect();
    if (box === undefined || event.buttons === 0) return;
    onMove({
      x: clamp((event.clientX - box.left) / box.width),
      y: clamp((event.clientY - box.top) / box.height),
    });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    onMove({ x: clamp(x + move[0]), y: clamp(y + move[1]) });
  };
  return (
    <div
      ref={area}
      className="pad-area"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        follow(event);
      }}
      onPointerMove={follow}
    >
      {children}
      <div
        role="slider"
        tabIndex={0}
        className="dot"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(x * 100)}
        aria-valuetext={valueText}
        style={{ left: `${x * 100}%`, top: `${y * 100}%` }}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}
