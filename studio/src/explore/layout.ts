export const GAP = 3; // CSS pixels between the wall's pictures
const MOST_ROWS = 100_000; // browsers limit the height of an element
const ROWS_ABOVE = 500;
const ROWS_AT_ONCE = 200;

/** The columns of the wall, and the size of its pictures in CSS pixels. */
export interface Columns {
  columns: number;
  width: number;
  height: number;
}

/** As many columns of about `tile` pixels as fit, at least two, that fill the width. */
export function fitColumns(available: number, tile: number, shape: readonly [number, number]) {
  const columns = Math.max(2, Math.round((available + GAP) / (tile + GAP)));
  const width = (available - GAP * (columns - 1)) / columns;
  return { columns, width, height: (width * shape[0]) / shape[1] };
}

/** The seed of the wall's first picture so that one can scroll upwards from `from`, too. */
export function firstSeed(from: number, columns: number): number {
  return Math.max(0, from - Math.min(Math.floor(from / columns), ROWS_ABOVE) * columns);
}

/** The number of rows of an endless wall: more whenever its end comes near. */
export function growRows(rows: number, lastVisible: number): number {
  if (lastVisible + ROWS_AT_ONCE / 4 < rows) return rows;
  return Math.min(MOST_ROWS, lastVisible + ROWS_AT_ONCE);
}

/** The index that a key moves to from `index`, or null for a key that does not move. */
export function moveIndex(
  key: string,
  index: number,
  columns: number,
  visibleRows: number,
  count: number,
): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    PageUp: -columns * Math.max(1, visibleRows - 1),
    PageDown: columns * Math.max(1, visibleRows - 1),
    Home: -(index % columns),
    End: columns - 1 - (index % columns),
  };
  const step = steps[key];
  if (step === undefined) return null;
  const next = index + step;
  if (next < 0) return key === "PageUp" ? index % columns : index;
  return Math.min(next, count - 1);
}

/** The index of the box whose middle is the nearest to a point. */
export function nearestIndex(
  boxes: readonly { left: number; top: number; width: number; height: number }[],
  x: number,
  y: number,
): number {
  const distances = boxes.map(({ left, top, width, height }) =>
    Math.hypot(left + width / 2 - x, top + height / 2 - y),
  );
  return distances.indexOf(Math.min(...distances));
}
