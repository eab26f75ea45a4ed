import { Button, Input, NumberField } from "react-aria-components";
import { baseOf, captionOf, editsOf, withEdit } from "../pictures/latent";
import { LabelledSlider } from "../ui/controls";
import { usePictures } from "./pictures";
import { t } from "./texts";

const LIMIT = 3; // of a slider; the number box goes further
const BOX_LIMIT = 10;

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
        {directions.map(({ name }) => {
          const amount = edits[name] ?? 0;
          const set = (value: number) =>
            edit(withEdit(pick, name, Number.isNaN(value) ? 0 : value));
          return (
            <div key={name} className="direction">
              <LabelledSlider
                label={name}
                value={Math.max(-LIMIT, Math.min(LIMIT, amount))}
                minValue={-LIMIT}
                maxValue={LIMIT}
                step={0.1}
                centred
                onChange={set}
              />
              <NumberField
                aria-label={t.amountOf(name)}
                className="field number-box"
                value={amount}
                minValue={-BOX_LIMIT}
                maxValue={BOX_LIMIT}
                step={0.1}
                formatOptions={{ maximumFractionDigits: 2 }}
                onChange={set}
              >
                <Input />
              </NumberField>
            </div>
          );
        })}
      </div>
    </section>
  );
}
