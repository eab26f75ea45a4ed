import { useState } from "react";
import { Button } from "react-aria-components";
import type { Dataset, Job, Model, Preset } from "../../api/client";
import { useQueueJob } from "../../api/jobs";
import { useTexts } from "../../i18n";
import { ErrorText } from "../../sentences/ErrorText";
import { screenQuery } from "../../state/screen";
import { Chooser } from "../../ui/controls";
import { ScreenLink } from "../../ui/ScreenLink";
import { StatusBadge } from "../../ui/StatusBadge";
import { useLearnTexts } from "../texts";
import { RecipeImages } from "./RecipeImages";
import { isCurrent, modelName, type Recipe } from "./recipes";

/** One of the articles' recipes: what it is, its training, and the digits that it has learnt. */
export function RecipeCard({
  recipe,
  preset,
  datasets,
  job,
  model,
}: {
  recipe: Recipe;
  preset: Preset;
  datasets: readonly Dataset[];
  job: Job | null;
  model: Model | null;
}) {
  const t = useLearnTexts();
  const { n } = useTexts();
  const { config, parameters } = preset;
  const facts = [
    [t.recipeLatent, n(Number(config.latent_dim))],
    [t.recipeActivation, config.generator_activation === "relu" ? "ReLU" : "LeakyReLU"],
    [t.recipeBatch, n(Number(config.batch_size))],
    [t.recipeImages, n(Number(config.images))],
    [t.recipeBeta, n(Number(config.beta1), 2)],
    [t.recipeWeights, `${n(parameters.generator)} + ${n(parameters.discriminator)}`],
  ];
  return (
    <article className="recipe-card" aria-labelledby={`recipe-${recipe}`}>
      <header className="row">
        <h3 id={`recipe-${recipe}`}>{t[`recipe_${recipe}`]}</h3>
        <code>{preset.name}</code>
      </header>
      <p>{t[`recipeText_${recipe}`]}</p>
      <div className="recipe-body">
        <dl className="recipe-facts">
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <RecipeImages job={job} model={model} />
      </div>
      {job && (
        <p className="row recipe-job">
          <span role="status">
            <StatusBadge job={job} />
          </span>
          <span className="number">
            {t.recipeProgress(n(job.progress.images_seen), n(job.progress.images_total ?? 0))}
          </span>
          <ScreenLink className="link" query={screenQuery("train", { job: job.id })}>
            {t.watchTraining}
          </ScreenLink>
        </p>
      )}
      {!isCurrent(job) && <StartTraining recipe={recipe} datasets={datasets} />}
    </article>
  );
}

function StartTraining({ recipe, datasets }: { recipe: Recipe; datasets: readonly Dataset[] }) {
  const t = useLearnTexts();
  const [chosen, choose] = useState<string | null>(null);
  const train = useQueueJob();
  const dataset = datasets.find(({ name }) => name === chosen) ?? datasets[0];
  if (dataset === undefined) {
    return (
      <ScreenLink
        className="button"
        query={screenQuery("train", { preset: recipe, pack: "size:28" })}
      >
        {t.uploadFirst}
      </ScreenLink>
    );
  }
  return (
    <div className="recipe-start">
      <Chooser
        label={t.recipeDataset}
        choices={datasets.map(({ name, shape }) => ({
          key: name,
          text: name,
          detail: shape?.join(" × ") ?? "",
        }))}
        chosen={dataset.name}
        onChoose={choose}
      />
      <Button
        className="button primary"
        isDisabled={train.isPending}
        onPress={() =>
          train.mutate({
            body: { dataset: dataset.name, model: modelName(recipe), preset: recipe },
          })
        }
      >
        {t.trainRecipe}
      </Button>
      {train.error && (
        <p role="alert">
          <ErrorText error={train.error} />
        </p>
      )}
    </div>
  );
}
