import { useModels } from "../api/queries";
import { useAddressState } from "../state/address";
import { MODELS_CODEC } from "./address";
import { ModelList } from "./ModelList";
import { ModelPage } from "./ModelPage";
import "../styles/models.css";

/** All models, or the one that the address names. */
export default function ModelsScreen() {
  const [view, change] = useAddressState(MODELS_CODEC);
  const models = useModels().data?.items ?? [];
  if (view.model === null) return <ModelList models={models} />;
  return <ModelPage key={view.model} name={view.model} view={view} change={change} />;
}
