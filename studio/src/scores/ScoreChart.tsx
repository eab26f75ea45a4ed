import { type RefObject, useLayoutEffect, useRef, useState } from "react";
import { useScreenTexts, useTexts } from "../i18n";
import { linearScale, logarithmicScale } from "./chart";
import { roundScore, type Score } from "./scores";
import { SCORE_TEXTS } from "./texts";

export interface ScorePoint {
  id: string;
  /** What joins points to a line: the training. */
  line: string;
  images: number;
  value: number;
  served: boolean;
}

const HEIGHT = 240; // CSS pixels
const USUAL_WIDTH = 640;
const MARGIN = { left: 52, right: 10, top: 12, bottom: 32 };
/** Scores that come nearer by factors. */
const DISTANCES: readonly Score[] = ["kid", "frechet", "swd"];

/** A score of a model's checkpoints over the images that they had seen; `real` is that of other real
 * images, a line across. The same numbers are in the table below, for those who cannot see it. */
export function ScoreChart({
  score,
  points,
  real,
}: {
  score: Score;
  points: readonly ScorePoint[];
  real: number | null;
}) {
  const t = useScreenTexts(SCORE_TEXTS);
  const { n } = useTexts();
  const [place, width] = useWidth();
  const inside = {
    left: MARGIN.left,
    right: width - MARGIN.right,
    top: MARGIN.top,
    bottom: HEIGHT - MARGIN.bottom,
  };
  const values = points.map(({ value }) => value);
  const isLogarithmic = DISTANCES.includes(score) && values.every((value) => value > 0);
  const shown = real === null || (isLogarithmic && real <= 0) ? values : [...values, real];
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const vertical = isLogarithmic
    ? logarithmicScale([low / 1.3, high * 1.3], [inside.bottom, inside.top])
    : linearScale(
        [Math.min(0, low), Math.max(low + 1e-6, high) * 1.08],
        [inside.bottom, inside.top],
      );
  const most = Math.max(...points.map(({ images }) => images));
  const horizontal = linearScale([0, most], [inside.left, inside.right]);
  const lines = [...new Set(points.map(({ line }) => line))];
  return (
    <figure ref={place} className="chart">
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={t.chart(t[score], n(points.length))}
      >
        {vertical.ticks.map((tick) => (
          <g key={tick} className="chart-tick">
            <path d={`M${inside.left} ${vertical.place(tick)}H${inside.right}`} />
            <text x={inside.left - 8} y={vertical.place(tick) + 4} textAnchor="end">
              {n(tick, 4)}
            </text>
          </g>
        ))}
        {horizontal.ticks.map((tick) => (
          <text
            key={tick}
            className="chart-label"
            x={horizontal.place(tick)}
            y={inside.bottom + 20}
            textAnchor={tick === 0 ? "start" : tick > 0.95 * most ? "end" : "middle"}
          >
            {n(tick)}
          </text>
        ))}
        {shown.length > values.length && real !== null && (
          <g className="chart-real">
            <path d={`M${inside.left} ${vertical.place(real)}H${inside.right}`} />
            <text x={inside.right} y={vertical.place(real) - 5} textAnchor="end">
              {t.realImages}
            </text>
          </g>
        )}
        {lines.map((line) => (
          <path
            key={line}
            className="chart-line"
            d={points
              .filter((point) => point.line === line)
              .toSorted((one, other) => one.images - other.images)
              .map(({ images, value }, index) => {
                const place = `${horizontal.place(images)} ${vertical.place(value)}`;
                return `${index === 0 ? "M" : "L"}${place}`;
              })
              .join("")}
          />
        ))}
        {points.map(({ id, images, value, served }) => (
          <circle
            key={id}
            className={`chart-point ${served ? "served" : ""}`}
            cx={horizontal.place(images)}
            cy={vertical.place(value)}
            r={served ? 6 : 4}
          >
            <title>{t.point(n(images), n(roundScore(value), 6))}</title>
          </circle>
        ))}
      </svg>
      <figcaption className="muted small">{t.chartAxes(t[score])}</figcaption>
    </figure>
  );
}

/** The width of an element, so that the chart is drawn in its pixels and its texts stay readable. */
function useWidth(): [RefObject<HTMLElement | null>, number] {
  const place = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(USUAL_WIDTH);
  useLayoutEffect(() => {
    if (place.current === null) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(Math.max(MARGIN.left * 2, entry.contentRect.width));
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return [place, width];
}
