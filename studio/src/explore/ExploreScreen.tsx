import { useEffect } from "react";
import { newName, useModels } from "../api/queries";
import { usePreferences } from "../state/preferences";
import { useView } from "../state/useView";
import { Explore } from "./Explore";
import { NoModel, NoPictures } from "./NoModel";

/** The screen Explore of the model that the address names, or else of the one last looked at. */
export function ExploreScreen() {
  const [view, change] = useView();
  const [{ model: last }, prefer] = usePreferences();
  const models = useModels().data?.items ?? [];
  const renamed = newName(models, view.model);
  const renamedRival = newName(models, view.against);
  useEffect(() => {
    if (renamed !== null) change({ model: renamed }, { replace: true });
    if (renamedRival !== null) change({ against: renamedRival }, { replace: true });
  }, [renamed, renamedRival, change]);

  const usable = models.filter((model) => model.checkpoint !== null);
  const named = renamed ?? view.model;
  const wanted = named ?? newName(models, last) ?? last;
  const model = usable.find(({ name }) => name === wanted) ?? usable[0];
  const isShown = model !== undefined && (named === null || model.name === named);
  const shown = isShown ? model.name : null;
  useEffect(() => {
    if (shown !== null && shown !== last) prefer({ model: shown });
  }, [shown, last, prefer]);
  // Among several models the address names the one that is shown, so that a link shows the same.
  const isAmbiguous = named === null && usable.length > 1;
  useEffect(() => {
    if (isAmbiguous) change({ model: shown }, { replace: true });
  }, [isAmbiguous, shown, change]);

  if (model === undefined) return <NoModel models={models} />;
  if (!isShown) {
    const isKnown = models.some(({ name }) => name === view.model);
    return <NoPictures model={view.model ?? ""} isKnown={isKnown} />;
  }
  return <Explore key={model.name} model={model} models={models} />;
}
