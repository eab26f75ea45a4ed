import { captionOf } from "../pictures/latent";
import { IconButton } from "../ui/controls";
import { CloseIcon, PlusIcon } from "../ui/icons";
import { usePictures } from "./pictures";
import { Thumbnail } from "./Thumbnail";
import { t } from "./texts";
import { another, MOST_PICKS } from "./view";

/** The pictures of a morph or a pad in their order; what is chosen next takes the marked place. */
export function Picks() {
  const { model, view, change } = usePictures();
  const { picks, active } = view;
  return (
    <div className="keyframes">
      <ol>
        {picks.map((ref, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a picture may be picked twice
          <li key={`${index}-${ref}`}>
            <button
              type="button"
              className={`keyframe ${index === active ? "chosen" : ""}`}
              aria-pressed={index === active}
              aria-label={t.pickOf(captionOf(ref), index + 1, picks.length)}
              onClick={() => change({ active: index })}
            >
              <Thumbnail latent={ref} />
              <span>{captionOf(ref)}</span>
            </button>
          </li>
        ))}
      </ol>
      <div className="keyframe-tools">
        {picks.length < MOST_PICKS && (
          <IconButton
            label={t.addPick}
            onPress={() =>
              change({ picks: [...picks, another(picks, model)], active: picks.length })
            }
          >
            <PlusIcon />
          </IconButton>
        )}
        {picks.length > 2 && (
          <IconButton
            label={t.removePick}
            onPress={() =>
              change({
                picks: picks.filter((_, index) => index !== active),
                active: Math.max(0, active - 1),
              })
            }
          >
            <CloseIcon />
          </IconButton>
        )}
      </div>
    </div>
  );
}
