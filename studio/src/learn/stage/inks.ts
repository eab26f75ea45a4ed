export type Ink = "real" | "forged" | "text" | "muted" | "line" | "ground";

/** The colours that the theme gives a canvas. learn.css registers them, so that they are resolved. */
export function inkOf(canvas: HTMLCanvasElement, ink: Ink): string {
  return getComputedStyle(canvas).getPropertyValue(`--ink-${ink}`);
}

/** The red, green and blue of a resolved colour, from 0 to 255. */
export function channelsOf(color: string): [number, number, number] {
  const [red = 0, green = 0, blue = 0] = (color.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}

/** Makes the canvas as large as it is shown, in the pixels of the screen, and clears it. */
export function cleared(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
  const { clientWidth, clientHeight } = canvas;
  const context = canvas.getContext("2d");
  if (context === null || clientWidth === 0) return null;
  const scale = devicePixelRatio;
  const [width, height] = [Math.round(clientWidth * scale), Math.round(clientHeight * scale)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, clientWidth, clientHeight);
  return context;
}
