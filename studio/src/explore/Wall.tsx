import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import type { LatentRef } from "../pictures/latent";
import { Picture } from "../pictures/Picture";
import { usePreferences } from "../state/preferences";
import { PlusIcon } from "../ui/icons";
import { firstSeed, fitColumns, GAP, growRows, moveIndex } from "./layout";

const SETTLE_MS = 250;
const FIRST_ROWS = 60;

interface Choice {
  /** The picture that is open. */
  open: LatentRef | null;
  picked: readonly LatentRef[];
  /** Whether a click picks instead of opening. */
  picking: boolean;
  onOpen: (ref: LatentRef) => void;
  onPick: (ref: LatentRef) => void;
}

/** The endless wall of pictures by seed. `from` is the first seed that is visible. */
export function SeedWall({
  from,
  onScrolled,
  ...choice
}: Choice & { from: number; onScrolled: (from: number) => void }) {
  const { t } = useTexts();
  const [grid, size] = useColumns();
  const [rows, setRows] = useState(FIRST_ROWS);
  // The wall stays where it is while one scrolls; only another `from` than the reported one moves it.
  const [place, setPlace] = useState({ origin: from, reported: from });
  if (from !== place.reported) setPlace({ origin: from, reported: from });
  const columns = size?.columns ?? 1;
  const base = firstSeed(place.origin, columns);
  const start = Math.max(0, place.reported - base);
  const startRow = Math.floor(start / columns);
  return (
    <div className="wall" id="pictures" ref={grid}>
      {size && (
        <Grid
          key={`${base} ${columns} ${size.height}`}
          {...choice}
          label={t.wall}
          size={size}
          scroller={grid}
          count={Math.max(rows, growRows(0, startRow)) * columns}
          start={start}
          refAt={(index) => String(base + index)}
          indexOf={(ref) => Number(ref) - base}
          endless
          onVisible={(first, last) => {
            setRows((current) => growRows(current, last));
            if (startRow === first) return;
            const seed = base + first * columns;
            setPlace({ origin: place.origin, reported: seed });
            onScrolled(seed);
          }}
        />
      )}
    </div>
  );
}

/** The pictures that a search found. */
export function FoundWall({ refs, ...choice }: Choice & { refs: readonly LatentRef[] }) {
  const { t } = useTexts();
  const [grid, size] = useColumns();
  return (
    <div className="wall" id="pictures" ref={grid}>
      {size && (
        <Grid
          key={`${size.columns} ${size.height}`}
          {...choice}
          label={t.wallFound}
          size={size}
          scroller={grid}
          count={refs.length}
          start={0}
          refAt={(index) => refs[index] ?? ""}
          indexOf={(ref) => refs.indexOf(ref)}
          endless={false}
          onVisible={() => {}}
        />
      )}
    </div>
  );
}

function useColumns() {
  const grid = useRef<HTMLDivElement>(null);
  const { source } = usePictures();
  const [{ tile }] = usePreferences();
  const [available, setAvailable] = useState<number | null>(null);
  useLayoutEffect(() => {
    const element = grid.current;
    if (element === null) return;
    const measure = () => {
      const style = getComputedStyle(element);
      const padding = Number.parseFloat(style.paddingLeft) + Number.parseFloat(style.paddingRight);
      setAvailable(element.clientWidth - padding);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
  const size = available === null ? null : fitColumns(available, tile, source.shape);
  return [grid, size] as const;
}

function Grid({
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
  picked,
  picking,
  onOpen,
  onPick,
}: Choice & {
  label: string;
  size: { columns: number; width: number; height: number };
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
  const focusActive = useRef(false);
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
    if (!focusActive.current) return;
    const tile = scroller.current?.querySelector<HTMLElement>(`[data-index="${active}"]`);
    if (!tile) return;
    focusActive.current = false;
    tile.focus({ preventScroll: true });
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const ref = refAt(active);
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "m") {
      onPick(ref);
      return;
    }
    const next = moveIndex(event.key, active, columns, Math.floor(visible), count);
    if (next === null) return;
    event.preventDefault();
    focusActive.current = true;
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
                place={picked.indexOf(ref)}
                picking={picking}
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

interface TileProps {
  latent: LatentRef;
  index: number;
  left: number;
  width: number;
  height: number;
  isOpen: boolean;
  /** Its place in the morph, or -1. */
  place: number;
  picking: boolean;
  reachable: boolean;
  onOpen: (ref: LatentRef) => void;
  onPick: (ref: LatentRef) => void;
  onFocus: (index: number) => void;
}

const Tile = memo(function Tile({
  latent,
  index,
  left,
  width,
  height,
  isOpen,
  place,
  picking,
  reachable,
  onOpen,
  onPick,
  onFocus,
}: TileProps) {
  const { t } = useTexts();
  const name = t.seedName(latent);
  const isPicked = place >= 0;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table cannot be virtual
    // biome-ignore lint/a11y/useFocusableInteractive: its button is focused
    <div
      role="gridcell"
      className={`tile ${isOpen ? "open" : ""} ${isPicked ? "picked" : ""}`}
      style={{ left, width, height }}
    >
      <button
        type="button"
        data-index={index}
        tabIndex={reachable ? 0 : -1}
        aria-label={t.picture(latent)}
        aria-pressed={isOpen || isPicked}
        onFocus={() => onFocus(index)}
        onClick={(event) => {
          if (picking || event.shiftKey) onPick(latent);
          else onOpen(latent);
        }}
      >
        <Picture latent={latent} />
        <span className="tile-seed">{latent}</span>
      </button>
      <button
        type="button"
        className="tile-pick"
        tabIndex={-1}
        aria-label={isPicked ? t.unpick(name) : t.pick(name)}
        data-place={isPicked ? place + 1 : undefined}
        onClick={() => onPick(latent)}
      >
        {!isPicked && <PlusIcon />}
      </button>
    </div>
  );
});
