import { type PointerEvent, useRef, useState } from "react";
import { nearestIndex } from "./layout";

const DRAG_PX = 5; // a shorter way is a click

interface Drag {
  from: number;
  /** The place where it would be dropped. */
  to: number;
  /** How far it has been dragged, in CSS pixels. */
  x: number;
  y: number;
}

/** Reorders the children of a list by dragging them. `onMove` is called when one is dropped. */
export function useReorder(onMove: (from: number, to: number) => void) {
  const list = useRef<HTMLOListElement>(null);
  const start = useRef<{ x: number; y: number; boxes: DOMRect[] } | null>(null);
  const dropped = useRef(false);
  const [drag, setDrag] = useState<Drag | null>(null);
  const handlers = (index: number) => ({
    onPointerDown: (event: PointerEvent) => {
      dropped.current = false;
      if (event.button !== 0) return;
      const items = [...(list.current?.children ?? [])].filter((item) => !item.ariaHidden);
      const boxes = items.map((item) => item.getBoundingClientRect());
      start.current = { x: event.clientX, y: event.clientY, boxes };
    },
    onPointerMove: (event: PointerEvent) => {
      const from = start.current;
      if (from === null || event.buttons === 0) return;
      const [x, y] = [event.clientX - from.x, event.clientY - from.y];
      if (drag === null && Math.hypot(x, y) < DRAG_PX) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      const to = nearestIndex(from.boxes, event.clientX, event.clientY);
      setDrag({ from: index, to, x, y });
    },
    onPointerUp: () => {
      start.current = null;
      if (drag === null) return;
      dropped.current = true;
      setDrag(null);
      if (drag.to !== drag.from) onMove(drag.from, drag.to);
    },
    onPointerCancel: () => {
      start.current = null;
      setDrag(null);
    },
    /** The click that ends a drag chooses nothing. */
    onClickCapture: (event: { stopPropagation: () => void }) => {
      if (dropped.current) event.stopPropagation();
      dropped.current = false;
    },
  });
  return { list, drag, handlers };
}
