import { Input, NumberField } from "react-aria-components";
import { LabelledSlider } from "./controls";

const SLIDER_LIMIT = 3;
const BOX_LIMIT = 10; // the number box goes further

/** How far a picture is moved along a direction: a slider, and a number box beside it. */
export function DirectionSlider({
  name,
  boxLabel,
  amount,
  onChange,
}: {
  name: string;
  boxLabel: string;
  amount: number;
  onChange: (amount: number) => void;
}) {
  return (
    <>
      <LabelledSlider
        label={name}
        value={Math.max(-SLIDER_LIMIT, Math.min(SLIDER_LIMIT, amount))}
        minValue={-SLIDER_LIMIT}
        maxValue={SLIDER_LIMIT}
        step={0.1}
        centred
        onChange={onChange}
      />
      <NumberField
        aria-label={boxLabel}
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
    </>
  );
}
