import type { Ref } from "react";

const STAGE_PIXELS = 512;

/** How many times the stage enlarges a picture: a power of two, as smooth scaling doubles. */
function stageScale(width: number): number {
  return 2 ** Math.max(0, Math.round(Math.log2(STAGE_PIXELS / width)));
}

/** The large picture of the stage, which `ref` draws on. `shape`: height and width of the image. */
export function StageCanvas({
  ref,
  shape,
  label,
  frame,
}: {
  ref: Ref<HTMLCanvasElement>;
  shape: readonly [number, number];
  label: string;
  frame?: number;
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
      data-frame={frame}
    />
  );
}
