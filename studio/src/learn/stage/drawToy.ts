import { sigmoid } from "../toy/losses";
import type { ToyRun } from "../toy/run";
import { channelsOf, cleared, inkOf } from "./inks";

const EXTENT = 1.6; // the plane is shown from −EXTENT to EXTENT
const CELLS = 40; // of the field along a side
const ARROWS = 40;
const ARROW = 0.42; // the length of the strongest pull that is shown, on the plane
const FIELD_STRENGTH = 0.5; // of the colour where the discriminator is sure
const FIELD_POWER = 0.6; // below 1: a slight preference can be seen too

const FIELD_MS = 40; // the field changes little between frames, and takes longest to compute

export interface Drawn {
  arrows: boolean;
  trail: boolean;
  /** Whether the field may be that of a few frames ago. */
  moving: boolean;
}

/** Draws the discriminator's field, the two piles of points, and what pulls the forged ones. */
export function drawToy(canvas: HTMLCanvasElement, run: ToyRun, drawn: Drawn): void {
  const context = cleared(canvas);
  if (context === null) return;
  const side = canvas.clientWidth;
  const at = (value: number) => ((value + EXTENT) / (2 * EXTENT)) * side;
  const dot = Math.max(2, side / 190);
  context.imageSmoothingEnabled = true;
  context.drawImage(fieldOf(canvas, run, drawn.moving), 0, 0, side, side);
  drawPoints(context, run.real, at, dot, inkOf(canvas, "real"));
  const points = run.points();
  if (drawn.arrows) drawArrows(context, run, points, at, inkOf(canvas, "text"));
  drawPoints(context, points, at, dot, inkOf(canvas, "forged"));
  if (drawn.trail) drawTrail(context, run.trail, at, inkOf(canvas, "text"));
}

/** The latest field of each canvas, as a picture of CELLS × CELLS. */
const fields = new WeakMap<HTMLCanvasElement, { picture: HTMLCanvasElement; drawnAt: number }>();

function fieldOf(canvas: HTMLCanvasElement, run: ToyRun, moving: boolean): HTMLCanvasElement {
  const now = performance.now();
  const latest = fields.get(canvas);
  if (moving && latest && now - latest.drawnAt < FIELD_MS) return latest.picture;
  const picture = latest?.picture ?? square(CELLS);
  picture.getContext("2d")?.putImageData(colorField(canvas, run), 0, 0);
  fields.set(canvas, { picture, drawnAt: now });
  return picture;
}

/** Coloured by D: towards the colour of what the discriminator takes the place for. */
function colorField(canvas: HTMLCanvasElement, run: ToyRun): ImageData {
  const verdicts = run.gan.judge(GRID);
  const image = new ImageData(CELLS, CELLS);
  const ground = channelsOf(inkOf(canvas, "ground"));
  const [real, forged] = [channelsOf(inkOf(canvas, "real")), channelsOf(inkOf(canvas, "forged"))];
  for (let cell = 0; cell < CELLS * CELLS; cell++) {
    const certainty = 2 * (verdicts[cell] as number) - 1;
    const color = certainty > 0 ? real : forged;
    const share = FIELD_STRENGTH * Math.abs(certainty) ** FIELD_POWER;
    for (let channel = 0; channel < 3; channel++) {
      image.data[cell * 4 + channel] =
        (1 - share) * (ground[channel] as number) + share * (color[channel] as number);
    }
    image.data[cell * 4 + 3] = 255;
  }
  return image;
}

/** The places (CELLS², 2) at which the field is computed. */
const GRID = Float64Array.from({ length: CELLS * CELLS * 2 }, (_, index) => {
  const cell = index >> 1;
  const place = index % 2 === 0 ? cell % CELLS : Math.floor(cell / CELLS);
  return ((place + 0.5) / CELLS) * 2 * EXTENT - EXTENT;
});

function square(side: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  return canvas;
}

/** The dots are copies of one picture: hundreds of circles would take longer than the networks. */
function drawPoints(
  context: CanvasRenderingContext2D,
  points: Float64Array,
  at: (value: number) => number,
  radius: number,
  color: string,
): void {
  const dot = dotOf(radius, color);
  const half = dot.width / devicePixelRatio / 2;
  for (let row = 0; row < points.length; row += 2) {
    const [x, y] = [at(points[row] as number), at(points[row + 1] as number)];
    context.drawImage(dot, x - half, y - half, 2 * half, 2 * half);
  }
}

const dots = new Map<string, HTMLCanvasElement>();

function dotOf(radius: number, color: string): HTMLCanvasElement {
  const scale = devicePixelRatio;
  const key = `${radius} ${scale} ${color}`;
  const known = dots.get(key);
  if (known) return known;
  const middle = Math.ceil(radius * scale) + 1; // the margin is for its smooth edge
  const picture = square(2 * middle);
  const context = picture.getContext("2d");
  if (context) {
    context.fillStyle = color;
    context.globalAlpha = 0.85;
    context.arc(middle, middle, radius * scale, 0, 2 * Math.PI);
    context.fill();
  }
  if (dots.size > 8) dots.clear(); // of other sizes and themes
  dots.set(key, picture);
  return picture;
}

/** The direction in which the generator's loss falls for some of its points, and how steeply. */
function drawArrows(
  context: CanvasRenderingContext2D,
  run: ToyRun,
  points: Float64Array,
  at: (value: number) => number,
  color: string,
): void {
  const few = points.subarray(0, ARROWS * 2);
  const slopes = run.gan.slopes(few);
  const verdicts = run.gan.judge(few);
  context.strokeStyle = color;
  context.lineWidth = 1.4;
  context.globalAlpha = 0.8;
  for (let row = 0; row < ARROWS; row++) {
    const verdict = verdicts[row] as number;
    const pull = run.settings.loss === "minimax" ? verdict : 1 - verdict;
    const [right, down] = [
      (slopes[row * 2] as number) * pull,
      (slopes[row * 2 + 1] as number) * pull,
    ];
    const strength = Math.hypot(right, down);
    // Gradients differ by orders of magnitude: the length is squashed, and nothing stays nothing.
    const length = ARROW * (2 * sigmoid(strength) - 1);
    if (length < 0.01) continue;
    const [x, y] = [few[row * 2] as number, few[row * 2 + 1] as number];
    const [toX, toY] = [x + (right / strength) * length, y + (down / strength) * length];
    drawArrow(context, at(x), at(y), at(toX), at(toY));
  }
  context.globalAlpha = 1;
}

function drawArrow(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  toX: number,
  toY: number,
): void {
  const angle = Math.atan2(toY - y, toX - x);
  const head = Math.min(6, Math.hypot(toX - x, toY - y) / 2);
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  for (const turn of [2.6, -2.6]) {
    context.moveTo(toX, toY);
    context.lineTo(toX + head * Math.cos(angle + turn), toY + head * Math.sin(angle + turn));
  }
  context.stroke();
}

/** Where the middle of the forged points has been; the older, the fainter. */
function drawTrail(
  context: CanvasRenderingContext2D,
  trail: readonly (readonly [number, number])[],
  at: (value: number) => number,
  color: string,
): void {
  context.strokeStyle = color;
  context.lineWidth = 2;
  for (const [index, [x, y]] of trail.entries()) {
    const before = trail[index - 1];
    if (before === undefined) continue;
    context.globalAlpha = 0.75 * (index / trail.length) ** 2;
    context.beginPath();
    context.moveTo(at(before[0]), at(before[1]));
    context.lineTo(at(x), at(y));
    context.stroke();
  }
  context.globalAlpha = 1;
}
