import { useEffect } from "react";
import type { Model } from "../api/client";
import { newName, useModels } from "../api/queries";
import { useView } from "../state/useView";
import { Explore } from "./Explore";
import { NoModel, NoPictures } from "./NoModel";

/** The screen Explore of the model that the address names, or of the newest one. */
export function ExploreScreen() {
  const [view, change] = useView();
  const models = useModels().data?.items ?? [];
  const renamed = newName(models, view.model);
  const renamedRival = newName(models, view.against);
  useEffect(() => {
    if (renamed !== null) change({ model: renamed }, { replace: true });
    if (renamedRival !== null) change({ against: renamedRival }, { replace: true });
  }, [renamed, renamedRival, change]);
  const model = chooseModel(models, renamed ?? view.model);
  if (model === null) return <NoModel models={models} />;
  if (view.model !== null && model.name !== (renamed ?? view.model)) {
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
