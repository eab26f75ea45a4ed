import { useCallback } from "react";
import type { Playback } from "../playback";
import type { ToyRun } from "../toy/run";
import { useFixed } from "../useFixed";
import { Canvas } from "./Canvas";
import { cleared, type Ink, inkOf } from "./inks";

export interface Curve {
  label: string;
  ink: Ink;
  points: (run: ToyRun) => readonly number[];
}

const PADDING = 4;
const NONE: readonly number[] = [];

/** A few curves of the run, with their latest values. */
export function Curves({
  playback,
  title,
  curves,
  low,
  high,
  references = NONE,
  digits = 2,
}: {
  playback: Playback;
  title: string;
  curves: readonly Curve[];
  low: number;
  /** The least upper end: values above it stretch the axis. */
  high: number;
  /** Dashed lines, such as the loss of guessing. */
  references?: readonly number[];
  digits?: number;
}) {
  const fixed = useFixed();
  const draw = useCallback(
    (canvas: HTMLCanvasElement) =>
      drawCurves(canvas, playback.run, curves, { low, high, references }),
    [playback, curves, low, high, references],
  );
  return (
    <figure className="curves">
      <figcaption>
        <h3>{title}</h3>
        {curves.map(({ label, ink, points }) => {
          const latest = points(playback.run).at(-1);
          return (
            <span key={label} className={`curve-key ${ink}`}>
              {label} <b>{fixed(latest, digits)}</b>
            </span>
          );
        })}
      </figcaption>
      <Canvas playback={playback} draw={draw} className="curves-canvas" label={title} />
    </figure>
  );
}

function drawCurves(
  canvas: HTMLCanvasElement,
  run: ToyRun,
  curves: readonly Curve[],
  axis: { low: number; high: number; references: readonly number[] },
): void {
  const context = cleared(canvas);
  if (context === null) return;
  const { clientWidth: width, clientHeight: height } = canvas;
  const values = curves.map((curve) => curve.points(run).filter(Number.isFinite));
  const top = values.flat().reduce((most, value) => Math.max(most, value), axis.high);
  const bottom = values.flat().reduce((least, value) => Math.min(least, value), axis.low);
  const y = (value: number) =>
    PADDING + (1 - (value - bottom) / (top - bottom)) * (height - 2 * PADDING);
  context.strokeStyle = inkOf(canvas, "muted");
  context.setLineDash([3, 4]);
  for (const reference of axis.references) line(context, [0, width], [y(reference), y(reference)]);
  context.setLineDash([]);
  context.lineWidth = 1.6;
  context.lineJoin = "round";
  for (const [index, points] of values.entries()) {
    context.strokeStyle = inkOf(canvas, curves[index]?.ink ?? "text");
    const last = Math.max(1, points.length - 1);
    line(
      context,
      points.map((_, at) => (at / last) * width),
      points.map(y),
    );
  }
}

function line(context: CanvasRenderingContext2D, xs: readonly number[], ys: readonly number[]) {
  context.beginPath();
  for (const [at, x] of xs.entries()) context.lineTo(x, ys[at] as number);
  context.stroke();
}
