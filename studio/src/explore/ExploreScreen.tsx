import type { Model } from "../api/client";
import { useModels } from "../api/queries";
import { useView } from "../state/useView";
import { Explore } from "./Explore";
import { NoModel, NoPictures } from "./NoModel";

/** The screen Explore of the model that the address names, or of the newest one. */
export function ExploreScreen() {
  const [view] = useView();
  const models = useModels().data?.items ?? [];
  const model = chooseModel(models, view.model);
  if (model === null) return <NoModel models={models} />;
  if (view.model !== null && model.name !== view.model) {
    const isKnown = models.some(({ name }) => name === view.model);
    return <NoPictures model={view.model} isKnown={isKnown} />;
  }
  return <Explore key={model.name} model={model} models={models} />;
}

/** The model that the address names, if it has a checkpoint, or else the newest that has a checkpoint. */
function chooseModel(models: readonly Model[], name: string | null): Model | null {
  const usable = models.filter((model) => model.checkpoint !== null);
  return usable.find((model) => model.name === name) ?? usable[0] ?? null;
}
