import {
  createContext,
  type PointerEvent,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { Slider, SliderThumb, SliderTrack } from "react-aria-components";
import { useTexts } from "../i18n";
import { useRival } from "../pictures/context";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { type Columns, GAP } from "./layout";

const SETTLE_MS = 200;
const DRAG_PX = 4; // a shorter way is a click
const PERCENT: Intl.NumberFormatOptions = { style: "percent" };

interface Wipe {
  /** The place of the divider, from 0 to 1. */
  at: number;
  move: (at: number) => void;
  /** Whether one divider goes through the whole wall. */
  wholeWall: boolean;
}

const Context = createContext<Wipe>({ at: 0.5, move: () => {}, wholeWall: false });

/** The divider of everything inside: wherever it is moved, all dividers follow. */
export function WipeOf({
  view,
  change,
  children,
}: {
  view: View;
  change: ChangeView;
  children: ReactNode;
}) {
  const [at, move] = useState(view.wipe);
  const { wipeWall: wholeWall } = view;
  useEffect(() => {
    const timer = setTimeout(() => change({ wipe: at }, { replace: true }), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [at, change]);
  const wipe = useMemo(() => ({ at, move, wholeWall }), [at, wholeWall]);
  return <Context value={wipe}>{children}</Context>;
}

/** A slider that moves the divider. `over`: it lies over the pictures, and its thumb is the divider. */
export function WipeSlider({ label, over = false }: { label: string; over?: boolean }) {
  const { at, move } = useContext(Context);
  return (
    <Slider
      className={over ? "wipe-over" : "wipe-slider"}
      aria-label={label}
      value={at}
      minValue={0}
      maxValue={1}
      step={0.01}
      formatOptions={PERCENT}
      onChange={move}
    >
      <SliderTrack className={over ? "wipe-track" : "track"}>
        <SliderThumb className={over ? "wipe-handle" : "thumb"} />
      </SliderTrack>
    </Slider>
  );
}

/** One picture over another: left of the divider one sees `left`, right of it `right`. */
export function Wiped({
  left,
  right,
  label,
}: {
  left: ReactNode;
  right: ReactNode;
  label: string;
}) {
  const { at } = useContext(Context);
  return (
    <div className="wiped" style={{ "--wipe": at } as React.CSSProperties}>
      {left}
      <div className="wiped-right">{right}</div>
      <WipeSlider label={label} over />
    </div>
  );
}

/** The wall while it is compared: dragging over a picture moves the dividers of all pictures, or the
 * one of the whole wall. */
export function WallWipe({ size, children }: { size: Columns | null; children: ReactNode }) {
  const { t } = useTexts();
  const { at, move, wholeWall } = useContext(Context);
  const compared = useRival() !== null;
  const drag = useRef<{ x: number; box: DOMRect; moved: boolean } | null>(null);
  if (!compared) return <div className="wall-frame">{children}</div>;

  const begin = (event: PointerEvent) => {
    const tile = (event.target as Element).closest(".tile");
    drag.current =
      tile === null || wholeWall
        ? null
        : { x: event.clientX, box: tile.getBoundingClientRect(), moved: false };
  };
  const follow = (event: PointerEvent) => {
    const from = drag.current;
    if (from === null || event.buttons === 0) return;
    if (Math.abs(event.clientX - from.x) > DRAG_PX) from.moved = true;
    if (!from.moved) return;
    const place = (event.clientX - from.box.left) / from.box.width;
    move(Math.round(100 * Math.min(1, Math.max(0, place))) / 100);
  };
  const width = size === null ? 0 : size.columns * (size.width + GAP) - GAP;
  return (
    <div
      className={`wall-frame compared ${wholeWall ? "whole" : ""}`}
      style={{ "--wipe": at, "--wall-width": `${width}px` } as React.CSSProperties}
      onPointerDown={begin}
      onPointerMove={follow}
      onClickCapture={(event) => {
        // The click that ends a drag opens nothing.
        if (drag.current?.moved) event.stopPropagation();
        drag.current = null;
      }}
    >
      {children}
      {wholeWall && <WipeSlider label={t.wipeOfWall} over />}
    </div>
  );
}
