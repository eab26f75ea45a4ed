import { Button, Input, NumberField } from "react-aria-components";
import { useDirections, useFindDirections } from "../api/queries";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { baseOf, editsOf, type LatentRef, withEdit } from "../pictures/latent";
import { LabelledSlider } from "../ui/controls";

const LIMIT = 3; // of a slider; the number box goes further
const BOX_LIMIT = 10;

/** Moves the open picture along the directions of the model. */
export function Directions({
  latent,
  onEdit,
}: {
  latent: LatentRef;
  onEdit: (edited: LatentRef) => void;
}) {
  const { t } = useTexts();
  const { source } = usePictures();
  const directions = useDirections(source.model);
  const search = useFindDirections(source);
  const edits = editsOf(latent);
  const items = directions.data?.items ?? [];
  if (directions.data === undefined) return null;
  return (
    <section className="section" aria-label={t.directions}>
      <div className="row">
        <h3>{t.directions}</h3>
        {latent !== baseOf(latent) && (
          <Button className="button quiet small" onPress={() => onEdit(baseOf(latent))}>
            {t.reset}
          </Button>
        )}
      </div>
      {items.length === 0 && (
        <div className="row">
          <p className="muted">{search.running ? t.findingDirections : t.noDirections}</p>
          <Button
            className="button"
            isDisabled={search.running}
            onPress={() => search.start.mutate()}
          >
            {t.findDirections}
          </Button>
        </div>
      )}
      {items.map(({ name }) => (
        <Direction
          key={name}
          name={name}
          amount={edits[name] ?? 0}
          onChange={(amount) => onEdit(withEdit(latent, name, amount))}
        />
      ))}
    </section>
  );
}

function Direction({
  name,
  amount,
  onChange,
}: {
  name: string;
  amount: number;
  onChange: (amount: number) => void;
}) {
  const { t } = useTexts();
  return (
    <div className="direction">
      <LabelledSlider
        label={name}
        value={Math.max(-LIMIT, Math.min(LIMIT, amount))}
        minValue={-LIMIT}
        maxValue={LIMIT}
        step={0.1}
        centred
        onChange={onChange}
      />
      <NumberField
        aria-label={t.amountOf(name)}
        className="field number-box"
        value={amount}
        minValue={-BOX_LIMIT}
        maxValue={BOX_LIMIT}
        step={0.1}
        formatOptions={{ maximumFractionDigits: 2 }}
        onChange={(value) => onChange(Number.isNaN(value) ? 0 : value)}
      >
        <Input />
      </NumberField>
    </div>
  );
}
