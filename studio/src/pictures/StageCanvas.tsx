import type { Ref } from "react";

const STAGE_PIXELS = 512;

/** How many times the stage enlarges a picture: a power of two, as smooth scaling doubles. */
export function stageScale(width: number): number {
  return 2 ** Math.max(0, Math.round(Math.log2(STAGE_PIXELS / width)));
}

/** The large picture of the stage, which `ref` draws on. `shape`: height and width of the image.
 * `busy`: another picture is about to be drawn. */
export function StageCanvas({
  ref,
  shape,
  label,
  frame,
  busy,
}: {
  ref: Ref<HTMLCanvasElement>;
  shape: readonly [number, number];
  label: string;
  frame?: number;
  busy?: boolean;
}) {
  const [height, width] = shape;
  const scale = stageScale(width);
  return (
    <canvas
      ref={ref}
      width={width * scale}
      height={height * scale}
      className="stage-picture"
      role="img"
      aria-label={label}
      aria-busy={busy}
      data-frame={frame}
    />
  );
}
