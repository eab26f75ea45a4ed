import { useLatents } from "../api/queries";
import { useTexts } from "../i18n";
import type { LatentRef } from "../pictures/latent";
import { Picture } from "../pictures/Picture";

/** The saved latents of the model. */
export function Shelf({
  model,
  picked,
  open,
  hint,
  onChoose,
}: {
  model: string;
  picked: readonly LatentRef[];
  open: LatentRef | null;
  /** Whether to say what one can do. */
  hint: boolean;
  onChoose: (ref: LatentRef) => void;
}) {
  const { t } = useTexts();
  const latents = useLatents(model);
  const items = latents.data?.items ?? [];
  return (
    <section className="shelf" aria-label={t.savedLatents}>
      {latents.isSuccess && items.length === 0 && <p className="muted">{t.noSaved}</p>}
      <ul>
        {items.map((latent) => {
          const isChosen = picked.includes(latent.name) || open === latent.name;
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
              </button>
            </li>
          );
        })}
      </ul>
      {hint && <p className="hint">{t.hint}</p>}
    </section>
  );
}
