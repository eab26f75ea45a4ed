const STAGE_PIXELS = 512;

/** How many times the stage enlarges a picture: a power of two, as smooth scaling doubles. */
export function stageScale(width: number): number {
  return 2 ** Math.max(0, Math.round(Math.log2(STAGE_PIXELS / width)));
}
