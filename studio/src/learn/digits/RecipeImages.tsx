import type { Job } from "../../api/client";
import { answeredUrl, type Model } from "../../api/client";
import { useSamples } from "../../api/jobs";
import { useTexts } from "../../i18n";
import { PicturesOf } from "../../pictures/context";
import { Picture } from "../../pictures/Picture";
import { RemotePicture } from "../../pictures/RemotePicture";
import { sourceOf } from "../../pictures/source";
import { useLearnTexts } from "../texts";
import { POLL_MS } from "./recipes";

const SEEDS = Array.from({ length: 25 }, (_, seed) => String(seed));

/** What a recipe has learnt until now: the latest samples of its training, or its model's images. */
export function RecipeImages({ job, model }: { job: Job | null; model: Model | null }) {
  const t = useLearnTexts();
  const { n } = useTexts();
  const isRunning = job?.status === "running";
  const sample = useSamples(job?.id ?? null, isRunning && POLL_MS).data?.at(-1);
  if (sample !== undefined) {
    const address = answeredUrl(sample.url);
    const label = t.samplesAfter(n(sample.images_seen));
    return (
      <figure className="recipe-images">
        <RemotePicture address={address} label={label} />
        <figcaption>{label}</figcaption>
      </figure>
    );
  }
  if (model) {
    return (
      <figure className="recipe-images">
        <PicturesOf source={sourceOf(model, null, 1, null)}>
          <div className="recipe-wall" role="img" aria-label={t.imagesOf(model.name)}>
            {SEEDS.map((seed) => (
              <Picture key={seed} latent={seed} />
            ))}
          </div>
        </PicturesOf>
        <figcaption>{t.imagesOf(model.name)}</figcaption>
      </figure>
    );
  }
  return (
    <figure className="recipe-images blank-images">
      <span>{t.recipeBlank}</span>
    </figure>
  );
}
