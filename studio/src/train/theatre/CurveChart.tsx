import { useEffect, useId, useRef, useState } from "react";
import uPlot from "uplot";
import { usePreferences } from "../../state/preferences";
import { type Line, smoothed } from "./curves";

const HEIGHT = 150;
const AXIS = 44;
const FAINT = "40"; // the opacity of the curve beneath its smoothed one
const CURSOR = "train"; // the charts have one crosshair

/** Curves over the images seen, with their newest values, or those at the crosshair. */
export function CurveChart({
  title,
  help,
  lines,
  range,
  format,
}: {
  title: string;
  help: string;
  lines: readonly Line[];
  /** Of the values; null: as they are. */
  range: readonly [number, number] | null;
  format: (value: number) => string;
}) {
  const heading = useId();
  const frame = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const chart = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const [{ language }] = usePreferences();
  const theme = useTheme();
  const columns = lines.map((line) => smoothed(line.images, line.values));
  const data = uPlot.join(
    lines.map((line, index) => [line.images, columns[index] ?? [], line.values]),
  );
  const newest = useRef(data);
  newest.current = data;
  const kinds = lines.map(({ tone, isOther }) => `${tone}${isOther ? "*" : ""}`).join();
  const [low, high] = range ?? [null, null];

  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are those of the theme
  useEffect(() => {
    const element = frame.current;
    const swatches = legend.current?.querySelectorAll<HTMLElement>(".swatch-line");
    if (element === null || swatches === undefined) return;
    const muted = getComputedStyle(element).color;
    const grid = getComputedStyle(element).outlineColor;
    const compact = new Intl.NumberFormat(language, { notation: "compact" });
    const axis = { stroke: muted, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const font = `11px ${getComputedStyle(element).fontFamily}`;
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { sync: { key: CURSOR }, points: { size: 6 }, drag: { x: false, y: false } },
        scales: {
          x: { time: false },
          y: low === null || high === null ? {} : { range: [low, high] },
        },
        axes: [
          { ...axis, font, size: 26, values: (_plot, ticks) => ticks.map(compact.format) },
          { ...axis, font, size: AXIS, values: (_plot, ticks) => ticks.map(format) },
        ],
        series: [
          {},
          ...kinds.split(",").flatMap((kind, index) => {
            const stroke = colourOf(swatches[index]);
            const isOther = kind.endsWith("*");
            const line = { stroke, width: isOther ? 1.5 : 2, dash: isOther ? [5, 4] : [] };
            const points = { show: false };
            const faint = { stroke: `${stroke}${FAINT}`, width: 1, show: !isOther };
            return [
              { ...line, points, spanGaps: true },
              { ...faint, points, spanGaps: true },
            ];
          }),
        ],
        hooks: { setCursor: [(self) => setAt(self.cursor.idx ?? null)] },
      },
      newest.current,
      element,
    );
    chart.current = plot;
    const observer = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [kinds, theme, language, low, high]);

  useEffect(() => {
    chart.current?.setData(data);
  });

  return (
    <section className="curve" aria-labelledby={heading}>
      <div className="row">
        <h3 id={heading}>{title}</h3>
        <ul className="curve-legend" ref={legend}>
          {lines.map((line, index) => {
            const values = data[1 + 2 * index] ?? [];
            const value = at === null ? columns[index]?.at(-1) : values[at];
            return (
              <li key={`${line.label}${line.isOther}`}>
                <span
                  className={`swatch-line ${line.tone} ${line.isOther ? "other" : ""}`}
                  aria-hidden="true"
                />
                {line.label}
                <output className="number" aria-live="off">
                  {value === null || value === undefined ? "–" : format(value)}
                </output>
              </li>
            );
          })}
        </ul>
      </div>
      <div ref={frame} className="curve-frame" aria-hidden="true" />
      <p className="muted curve-help">{help}</p>
    </section>
  );
}

/** The colour as #rrggbb, to which an opacity can be added. */
function colourOf(element: HTMLElement | undefined): string {
  const colour = element === undefined ? "" : getComputedStyle(element).color;
  const [red = 128, green = 128, blue = 128] = (colour.match(/[0-9.]+/g) ?? []).map(Number);
  return `#${[red, green, blue].map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

/** The theme that is shown, which the system may change. */
function useTheme(): string {
  const [{ theme }] = usePreferences();
  const [isDark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setDark(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  return theme === "system" ? (isDark ? "dark" : "light") : theme;
}
