/** The measurements of a training, each a list as long as that of `images_seen`. */
export type Series = Record<string, (number | null)[]>;

/** The series with one more row. A row that is not after the last one is a repetition. */
export function append(series: Series, row: Record<string, unknown>): Series {
  const { images_seen } = row;
  const last = series.images_seen?.at(-1) ?? -1;
  if (typeof images_seen !== "number" || images_seen <= (last ?? -1)) return series;
  const count = series.images_seen?.length ?? 0;
  const names = new Set([...Object.keys(series), ...Object.keys(row)]);
  const entries = [...names].map((name) => {
    const value = row[name];
    const before = series[name] ?? Array.from<null>({ length: count }).fill(null);
    return [name, [...before, typeof value === "number" ? value : null]];
  });
  return Object.fromEntries(entries) as Series;
}
