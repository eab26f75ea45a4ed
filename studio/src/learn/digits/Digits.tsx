import { useTrainings } from "../../api/jobs";
import { useDatasets, useModels, usePresets } from "../../api/queries";
import { ErrorText } from "../../sentences/ErrorText";
import { useLearnTexts } from "../texts";
import { RecipeCard } from "./RecipeCard";
import { bySuitability, modelOf, POLL_MS, RECIPES, trainingOf } from "./recipes";

/** The two articles' recipes for MNIST, trained in the service. */
export function Digits() {
  const t = useLearnTexts();
  const presets = usePresets();
  const models = useModels().data?.items ?? [];
  const jobs = useTrainings(POLL_MS).data?.items ?? [];
  const datasets = bySuitability(
    (useDatasets().data?.items ?? []).filter(({ status }) => status === "ready"),
  );
  return (
    <div className="recipe-cards">
      {presets.error && (
        <p role="alert">
          <ErrorText error={presets.error} />
        </p>
      )}
      {RECIPES.map((recipe) => {
        const preset = presets.data?.items.find(({ name }) => name === recipe);
        return (
          preset && (
            <RecipeCard
              key={recipe}
              recipe={recipe}
              preset={preset}
              datasets={datasets}
              job={trainingOf(recipe, jobs)}
              model={modelOf(recipe, models)}
            />
          )
        );
      })}
      {presets.data === undefined && !presets.error && <p className="muted">{t.loadingRecipes}</p>}
    </div>
  );
}
