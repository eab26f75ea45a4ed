import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api, data, request, type Schemas, serviceUrl } from "../../api/client";
import { screenQuery } from "../../state/screen";

export type Layer = Schemas["LayerView"];

/** The layers of the generator that a model serves. */
export function useLayers(model: string | null) {
  return useQuery({
    queryKey: ["layers", model],
    enabled: model !== null,
    queryFn: () =>
      data(api.GET("/v1/models/{name}/layers", { params: { path: { name: model ?? "" } } })),
  });
}

/** The maps of a layer for the image of a seed, as one picture. Until the next ones are there, the
 * last ones stay. */
export function useMaps(model: string | null, checkpoint: string, seed: number, layer: number) {
  return useQuery({
    queryKey: ["feature-maps", model, checkpoint, seed, layer],
    enabled: model !== null,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const query = new URLSearchParams({ layer: String(layer), checkpoint });
      const path = `/v1/models/${model}/feature-maps/${seed}.png?${query}`;
      return createImageBitmap(await (await request(serviceUrl(path), { signal })).blob());
    },
  });
}

/** The address of a picture on the screen Explore. */
export function pictureQuery(model: string, seed: number): string {
  return screenQuery("explore", { model, show: String(seed) });
}
