import { api, data } from "../api/client";
import { Problem } from "../api/problem";
import { type LatentRef, latentOf } from "./latent";
import type { PictureSource } from "./source";
import { PictureStore } from "./store";

const COLUMNS = 8;
const BATCH = 16;
const KEPT_BYTES = 128 * 2 ** 20;
const MOST_FAILURES = 4;

/** The pictures of a source. One request makes a sheet of many, which is cut here. */
export function openPictures(source: PictureSource): PictureStore<ImageBitmap> {
  const [height, width] = source.shape;
  return new PictureStore({
    fetchBatch: async (refs) => cut(await fetchSheet(source, refs), refs.length, height, width),
    release: (picture) => picture.close(),
    batchSize: BATCH,
    concurrency: 3, // of the six connections that a browser opens to a host
    limit: Math.floor(KEPT_BYTES / (4 * height * width)),
    retryDelay,
    isOfOneLatent,
  });
}

async function fetchSheet(source: PictureSource, refs: LatentRef[]): Promise<ImageBitmap> {
  const call = api.POST("/v1/models/{name}/images", {
    params: { path: { name: source.model } },
    body: {
      latents: refs.map(latentOf),
      format: "grid",
      columns: Math.min(COLUMNS, refs.length),
      checkpoint: source.checkpoint,
      truncation: source.truncation,
      class: source.className,
    },
    parseAs: "blob",
  });
  return createImageBitmap((await data(call)) as unknown as Blob);
}

async function cut(
  sheet: ImageBitmap,
  count: number,
  height: number,
  width: number,
): Promise<ImageBitmap[]> {
  const columns = Math.min(COLUMNS, count);
  const pictures = await Promise.all(
    Array.from({ length: count }, (_, index) => {
      const left = (index % columns) * width;
      const top = Math.floor(index / columns) * height;
      return createImageBitmap(sheet, left, top, width, height);
    }),
  );
  sheet.close();
  return pictures;
}

/** The fields of a request for pictures that hold for all its latents. */
const COMMON_FIELDS: readonly (string | null)[] = ["model", "checkpoint", "truncation", "class"];

/** Whether a saved latent or a direction does not exist. */
function isOfOneLatent(error: unknown): boolean {
  if (!(error instanceof Problem)) return false;
  return [404, 422].includes(error.status) && !COMMON_FIELDS.includes(error.field);
}

/** Only a service that is busy or does not answer is asked again. */
function retryDelay(failures: number, error: unknown): number | null {
  if (!(error instanceof Problem) || failures > MOST_FAILURES) return null;
  if (error.status === 503) return error.retryAfter ?? 1;
  return error.status === 0 ? 2 ** failures / 2 : null;
}
