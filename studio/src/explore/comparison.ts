import type { Checkpoint, Model } from "../api/client";
import { isSeed, type LatentRef } from "../pictures/latent";
import type { PictureSource } from "../pictures/source";
import { NO_LESSON, NO_SEARCH, type View } from "../state/view";

type Rival = Pick<View, "against" | "againstCheckpoint">;

/** What a checkpoint is compared with at first: the newest other one of its model, or else the first
 * other model. Null: there is nothing else. */
export function firstRival(
  model: Model,
  checkpoint: string,
  checkpoints: readonly Checkpoint[],
  models: readonly Model[],
): Rival | null {
  const other = checkpoints.find(({ id }) => id !== checkpoint);
  if (other !== undefined) return { against: model.name, againstCheckpoint: other.id };
  const another = models.find(({ name, checkpoint: served }) => name !== model.name && served);
  return another === undefined ? null : { against: another.name, againstCheckpoint: null };
}

/** Whether both sources have the latent: names and directions belong to a model. */
export function canCompare(ref: LatentRef, source: PictureSource, rival: PictureSource): boolean {
  return isSeed(ref) || source.model === rival.model;
}

/** The change of a view that is to show another model: saved latents, directions, classes, projections
 * and checkpoints belong to a model. Seeds and a search for a colour stay. */
export function leaveModel(view: View): Partial<View> {
  const seedOf = (ref: LatentRef | null) => (ref !== null && isSeed(ref) ? ref : null);
  return {
    ...NO_SEARCH,
    color: view.color,
    checkpoint: null,
    className: null,
    show: seedOf(view.show),
    like: seedOf(view.like),
    morph: view.morph.every(isSeed) ? view.morph : [],
    photo: null,
    ...NO_LESSON,
    direction: null,
  };
}
