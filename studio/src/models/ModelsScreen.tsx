import { useEffect } from "react";
import { newName, useModels } from "../api/queries";
import { useAddressState } from "../state/address";
import { MODELS_CODEC } from "./address";
import { ModelList } from "./ModelList";
import { ModelPage } from "./ModelPage";
import "../styles/models.css";

/** All models, or the one that the address names. */
export default function ModelsScreen() {
  const [view, change] = useAddressState(MODELS_CODEC);
  const models = useModels().data?.items ?? [];
  const renamed = newName(models, view.model);
  useEffect(() => {
    if (renamed !== null) change({ model: renamed }, { replace: true });
  }, [renamed, change]);
  if (view.model === null) return <ModelList models={models} />;
  const name = renamed ?? view.model;
  return <ModelPage key={name} name={name} view={view} change={change} />;
}
