import { useCallback } from "react";
import type { NamedLatent } from "../api/client";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { baseOf, isSeed, type LatentRef } from "../pictures/latent";
import type { PictureSource } from "../pictures/source";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { IconButton } from "../ui/controls";
import { CloseIcon, HeartIcon, NextIcon, PreviousIcon } from "../ui/icons";
import { CompareStage } from "./CompareStage";
import { leaveModel } from "./comparison";
import { MorphStage } from "./MorphStage";
import { PhotoStage } from "./PhotoStage";
import { PictureStage } from "./PictureStage";
import { TeachStage } from "./TeachStage";

/** What is open beside the wall: a picture, a comparison, a photo, a morph, or a direction that is
 * taught. */
export function Stage({
  view,
  change,
  rival,
  previous,
  next,
  isFavourite,
  onOpen,
  onToggleFavourite,
  onDeleted,
  onClose,
}: {
  view: View;
  change: ChangeView;
  /** What the open picture is compared with. */
  rival: PictureSource | null;
  /** The pictures beside the open one; null: there is none. */
  previous: LatentRef | null;
  next: LatentRef | null;
  isFavourite: boolean;
  onOpen: (ref: LatentRef) => void;
  onToggleFavourite: (ref: LatentRef) => void;
  onDeleted: (latent: NamedLatent) => void;
  onClose: () => void;
}) {
  const { t } = useTexts();
  const { source } = usePictures();
  const { show } = view;
  const what =
    view.teach !== null
      ? "teach"
      : view.morph.length > 0
        ? "morph"
        : view.photo !== null
          ? "photo"
          : "picture";
  const base = baseOf(show ?? "");
  const titles = {
    teach: t.teachDirection,
    morph: t.morph,
    photo: t.photo,
    picture: isSeed(base) ? t.seedName(base) : base,
  };
  const isPicture = show !== null && (what === "picture" || what === "photo");
  const showPhoto = useCallback(
    (name: LatentRef) => change({ photo: null, show: name }, { replace: true }),
    [change],
  );
  return (
    <aside className="stage" aria-label={titles[what]}>
      <div className="stage-head">
        <h2>{titles[what]}</h2>
        {isPicture && (
          <>
            <IconButton
              label={isFavourite ? t.removeFavourite : t.addFavourite}
              className={isFavourite ? "favourite" : ""}
              onPress={() => onToggleFavourite(show)}
            >
              <HeartIcon filled={isFavourite} />
            </IconButton>
            <IconButton
              label={t.previous}
              isDisabled={previous === null}
              onPress={() => previous !== null && onOpen(previous)}
            >
              <PreviousIcon />
            </IconButton>
            <IconButton
              label={t.next}
              isDisabled={next === null}
              onPress={() => next !== null && onOpen(next)}
            >
              <NextIcon />
            </IconButton>
          </>
        )}
        <IconButton label={t.close} onPress={onClose}>
          <CloseIcon />
        </IconButton>
      </div>
      <div className="pane-body">
        {what === "teach" && <TeachStage view={view} change={change} />}
        {what === "morph" && <MorphStage view={view} change={change} />}
        {what === "photo" && view.photo !== null && (
          <PhotoStage key={view.photo} projection={view.photo} onFound={showPhoto} />
        )}
        {isPicture && rival === null && (
          <PictureStage latent={show} view={view} change={change} onDeleted={onDeleted} />
        )}
        {isPicture && rival !== null && (
          <CompareStage
            latent={show}
            rival={rival}
            onOpen={(of) =>
              change((before) => ({
                ...(of.model === source.model ? {} : leaveModel(before)),
                model: of.model,
                checkpoint: of.checkpoint,
                against: null,
              }))
            }
          />
        )}
      </div>
    </aside>
  );
}
