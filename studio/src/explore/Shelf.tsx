import { useLatents } from "../api/queries";
import { useTexts } from "../i18n";
import type { LatentRef } from "../pictures/latent";
import { Picture } from "../pictures/Picture";
import type { Mark } from "./marks";

const MOST = 100; // pictures in the row; words find the others

/** The saved latents of the model, newest first. */
export function Shelf({
  model,
  marks,
  open,
  hint,
  onChoose,
}: {
  model: string;
  marks: ReadonlyMap<LatentRef, Mark>;
  open: LatentRef | null;
  /** Whether to say what one can do. */
  hint: boolean;
  onChoose: (ref: LatentRef) => void;
}) {
  const { t, n } = useTexts();
  const latents = useLatents(model);
  const items = latents.data?.items ?? [];
  return (
    <section className="shelf" aria-label={t.savedLatents}>
      {latents.isSuccess && items.length === 0 && <p className="muted">{t.noSaved}</p>}
      <ul>
        {items.slice(0, MOST).map((latent) => {
          const mark = marks.get(latent.name);
          const isChosen = mark !== undefined || open === latent.name;
          return (
            <li key={latent.name}>
              <button
                type="button"
                className={`saved ${isChosen ? "chosen" : ""}`}
                aria-pressed={isChosen}
                title={latent.note ?? undefined}
                onClick={() => onChoose(latent.name)}
              >
                <Picture latent={latent.name} />
                <span>{latent.name}</span>
                {mark !== undefined && (
                  <span className="saved-mark" data-mark={mark}>
                    {mark}
                  </span>
                )}
              </button>
            </li>
          );
        })}
      </ul>
      {items.length > MOST && <p className="hint">{t.moreSaved(n(items.length - MOST))}</p>}
      {hint && <p className="hint">{t.hint}</p>}
    </section>
  );
}
