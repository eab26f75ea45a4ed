/** Draws a part of an image onto the whole canvas. Smooth scaling doubles the size step by step,
 * which leaves no edges of the original pixels; sharp scaling shows each pixel as a square. */
export function drawScaled(
  canvas: HTMLCanvasElement,
  image: CanvasImageSource,
  part: { left: number; top: number; width: number; height: number },
  smooth: boolean,
): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  let { left, top, width, height } = part;
  let source = image;
  if (smooth) {
    // First the part alone, so that what is beside it in the image does not shine in.
    const alone = scratch(0, width, height);
    alone.drawImage(source, left, top, width, height, 0, 0, width, height);
    [source, left, top] = [alone.canvas, 0, 0];
    let step = 1;
    while (width * 2 <= canvas.width && height * 2 <= canvas.height) {
      const doubled = scratch(step, width * 2, height * 2);
      doubled.drawImage(source, left, top, width, height, 0, 0, width * 2, height * 2);
      [source, left, top, width, height] = [doubled.canvas, 0, 0, width * 2, height * 2];
      step += 1;
    }
  }
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, left, top, width, height, 0, 0, canvas.width, canvas.height);
}

const scratches: CanvasRenderingContext2D[] = [];

/** The canvas of a step of the scaling. */
function scratch(index: number, width: number, height: number): CanvasRenderingContext2D {
  const context = scratches[index] ?? document.createElement("canvas").getContext("2d");
  if (context === null) throw new Error("the browser has no canvas");
  scratches[index] = context;
  if (context.canvas.width !== width || context.canvas.height !== height) {
    context.canvas.width = width;
    context.canvas.height = height;
  } else {
    context.clearRect(0, 0, width, height);
  }
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  return context;
}
