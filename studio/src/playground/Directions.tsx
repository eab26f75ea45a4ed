import { Button } from "react-aria-components";
import { baseOf, captionOf, editsOf, withEdit } from "../pictures/latent";
import { DirectionSlider } from "../ui/DirectionSlider";
import { usePictures } from "./pictures";
import { t } from "./texts";

/** Moves the active picture along the directions of the model. */
export function Directions() {
  const { model, view, change } = usePictures();
  const { picks, active } = view;
  const { directions } = model.content;
  const pick = picks[active] ?? "0";
  if (directions.length === 0) return null;
  const edits = editsOf(pick);
  const edit = (ref: string) =>
    change({ picks: picks.map((other, index) => (index === active ? ref : other)) });
  return (
    <section className="section" aria-label={t.directions}>
      <div className="row">
        <h3>{view.mode === "picture" ? t.directions : t.directionsOf(captionOf(pick))}</h3>
        {pick !== baseOf(pick) && (
          <Button className="button quiet small" onPress={() => edit(baseOf(pick))}>
            {t.reset}
          </Button>
        )}
      </div>
      <div className="play-directions">
        {directions.map(({ name }) => (
          <div key={name} className="direction">
            <DirectionSlider
              name={name}
              boxLabel={t.amountOf(name)}
              amount={edits[name] ?? 0}
              onChange={(amount) => edit(withEdit(pick, name, amount))}
            />
          </div>
        ))}
      </div>
    </section>
  );
}
