import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api, data, type Schemas } from "../../api/client";
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
      const maps = await data(
        api.GET("/v1/models/{name}/feature-maps/{seed}.png", {
          params: { path: { name: model ?? "", seed }, query: { layer, checkpoint } },
          parseAs: "blob",
          signal,
        }),
      );
      return createImageBitmap(maps);
    },
  });
}

/** The address of a picture on the screen Explore. */
export function pictureQuery(model: string, seed: number): string {
  return screenQuery("explore", { model, show: String(seed) });
}
