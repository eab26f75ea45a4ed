import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { LatentRef } from "../pictures/latent";
import type { Side } from "../state/view";
import { type Columns, GAP, moveIndex } from "./layout";
import type { Mark } from "./marks";
import { Tile } from "./Tile";

const SETTLE_MS = 250;

export interface Choice {
  /** The picture that is open. */
  open: LatentRef | null;
  marks: ReadonlyMap<LatentRef, Mark>;
  /** Whether a click picks instead of opening. */
  picking: boolean;
  /** The side that pictures are picked for while a direction is taught. */
  side: Side | null;
  onOpen: (ref: LatentRef) => void;
  /** Picks the picture, or takes it out: for the morph, or for a side of the direction. */
  onPick: (ref: LatentRef, side?: Side) => void;
}

/** Pictures in rows, of which only the visible ones are rendered. */
export function Grid({
  label,
  size,
  scroller,
  count,
  start,
  refAt,
  indexOf,
  endless,
  onVisible,
  open,
  marks,
  picking,
  side,
  onOpen,
  onPick,
}: Choice & {
  label: string;
  size: Columns;
  scroller: React.RefObject<HTMLDivElement | null>;
  count: number;
  /** The index of the first picture that is visible at the beginning. */
  start: number;
  refAt: (index: number) => LatentRef;
  indexOf: (ref: LatentRef) => number;
  endless: boolean;
  /** Called with the first and the last visible row, once scrolling has settled. */
  onVisible: (first: number, last: number) => void;
}) {
  const { columns, width, height } = size;
  const rowHeight = height + GAP;
  const virtualizer = useVirtualizer({
    count: Math.ceil(count / columns),
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 3,
    initialOffset: Math.floor(start / columns) * rowHeight,
    useFlushSync: false,
  });
  const [active, setActive] = useState(start);
  // The index that gets the focus once it is rendered. It is no flag: an effect of the render before
  // may still be waiting, for which another picture is the active one.
  const focusNext = useRef<number | null>(null);
  const rows = virtualizer.getVirtualItems();

  const offset = virtualizer.scrollOffset ?? 0;
  const visible = (scroller.current?.clientHeight ?? 0) / rowHeight;
  useEffect(() => {
    const first = Math.round(offset / rowHeight);
    const timer = setTimeout(() => onVisible(first, Math.ceil(first + visible)), SETTLE_MS);
    return () => clearTimeout(timer);
  });

  const openIndex = open === null ? -1 : indexOf(open);
  useEffect(() => {
    // The open picture stays visible: next to it are those that the arrow keys reach.
    if (openIndex >= 0 && openIndex < count) {
      setActive(openIndex);
      virtualizer.scrollToIndex(Math.floor(openIndex / columns), { align: "auto" });
    }
  }, [openIndex, columns, count, virtualizer]);

  useEffect(() => {
    if (focusNext.current === null) return;
    const tile = scroller.current?.querySelector<HTMLElement>(
      `[data-index="${focusNext.current}"]`,
    );
    if (!tile) return;
    focusNext.current = null;
    tile.focus({ preventScroll: true });
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const ref = refAt(active);
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const keys: Record<string, Side | undefined> =
      side === null ? { m: undefined } : { "+": "more", "-": "less" };
    if (event.key in keys) {
      onPick(ref, keys[event.key]);
      return;
    }
    const next = moveIndex(event.key, active, columns, Math.floor(visible), count);
    if (next === null) return;
    event.preventDefault();
    focusNext.current = next;
    setActive(next);
    virtualizer.scrollToIndex(Math.floor(next / columns), { align: "auto" });
    if (open !== null && !picking) onOpen(refAt(next));
  };

  const firstRow = rows[0]?.index ?? 0;
  const lastRow = rows.at(-1)?.index ?? 0;
  const activeRow = Math.floor(active / columns);
  const reachable = activeRow < firstRow || activeRow > lastRow ? firstRow * columns : active;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table cannot be virtual
    <div
      role="grid"
      aria-label={label}
      aria-rowcount={endless ? -1 : Math.ceil(count / columns)}
      aria-colcount={columns}
      className="sheet"
      style={{ height: virtualizer.getTotalSize() }}
      onKeyDown={onKeyDown}
    >
      {rows.map((row) => (
        // biome-ignore lint/a11y/useSemanticElements: a table cannot be virtual
        // biome-ignore lint/a11y/useFocusableInteractive: its tiles are focused
        <div
          key={row.key}
          role="row"
          aria-rowindex={row.index + 1}
          className="sheet-row"
          style={{ transform: `translateY(${row.start}px)`, height: rowHeight }}
        >
          {Array.from({ length: Math.min(columns, count - row.index * columns) }, (_, column) => {
            const index = row.index * columns + column;
            const ref = refAt(index);
            return (
              <Tile
                key={ref}
                latent={ref}
                index={index}
                left={column * (width + GAP)}
                width={width}
                height={height}
                isOpen={ref === open}
                mark={marks.get(ref)}
                picking={picking}
                side={side}
                reachable={index === reachable}
                onOpen={onOpen}
                onPick={onPick}
                onFocus={setActive}
              />
            );
          })}
        </div>
      ))}
    </div>
  );
}
