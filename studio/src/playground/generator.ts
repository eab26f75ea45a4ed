import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { type Content, unpack } from "./content";
import type { Latent } from "./latents";

/** What one picture is generated from. `label` is the index of its class, null without classes. */
export interface Sample {
  latent: Latent;
  label: number | null;
}

/** The generator of the page, run by ONNX Runtime in WebAssembly. */
export class Generator {
  private queue: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly session: InferenceSession,
    private readonly content: Content,
  ) {}

  static async open(content: Content): Promise<Generator> {
    env.logLevel = "error";
    env.wasm.numThreads = 1; // more need a server's headers, and a file on a disk has none
    env.wasm.wasmBinary = await unpack("runtime");
    const session = await InferenceSession.create(await unpack("generator"));
    return new Generator(session, content);
  }

  /** The pictures of the samples. Calls are answered in their order, one at a time; between them
   * the page can paint and react. */
  render(samples: readonly Sample[]): Promise<ImageData[]> {
    const rendered = this.queue.then(nextTask).then(() => this.run(samples));
    this.queue = rendered.catch(() => {});
    return rendered;
  }

  private async run(samples: readonly Sample[]): Promise<ImageData[]> {
    const { classes, latent_dim, shape } = this.content;
    const latents = new Float32Array(samples.length * latent_dim);
    samples.forEach((sample, index) => {
      latents.set(sample.latent, index * latent_dim);
    });
    const inputs: Record<string, Tensor> = {
      latents: new Tensor("float32", latents, [samples.length, latent_dim]),
    };
    if (classes.length > 0) {
      const labels = BigInt64Array.from(samples, (sample) => BigInt(sample.label ?? 0));
      inputs.labels = new Tensor("int64", labels, [samples.length]);
    }
    const { images } = await this.session.run(inputs);
    const pixels = images?.data as Uint8Array;
    const size = pixels.length / samples.length;
    return samples.map((_, index) => toImage(pixels.subarray(index * size), shape));
  }
}

/** The first image of a row of (height, width, channels) with 1, 3 or 4 channels. */
function toImage(pixels: Uint8Array, shape: Content["shape"]): ImageData {
  const [height, width, channels] = shape;
  const image = new ImageData(width, height);
  const [red, green, blue] = channels === 1 ? [0, 0, 0] : [0, 1, 2];
  for (let place = 0; place < width * height; place++) {
    const from = place * channels;
    image.data[place * 4] = pixels[from + red] ?? 0;
    image.data[place * 4 + 1] = pixels[from + green] ?? 0;
    image.data[place * 4 + 2] = pixels[from + blue] ?? 0;
    image.data[place * 4 + 3] = channels === 4 ? (pixels[from + 3] ?? 0) : 255;
  }
  return image;
}

function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
