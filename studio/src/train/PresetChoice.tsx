import { useState } from "react";
import { Button, Radio, RadioGroup } from "react-aria-components";
import type { Preset } from "../api/client";
import { useFormats } from "../i18n/formats";
import type { Quote } from "./queries";
import { type TrainTexts, useTrainTexts } from "./texts";

export interface PresetQuote {
  quote: Quote | undefined;
  isMeasuring: boolean;
}

/** The recipes in plain words, each with what it takes on the machine that trains. */
export function PresetChoice({
  first,
  others,
  chosen,
  quotes,
  onChoose,
}: {
  first: readonly Preset[];
  others: readonly Preset[];
  chosen: string;
  quotes: ReadonlyMap<string, PresetQuote>;
  onChoose: (preset: string) => void;
}) {
  const t = useTrainTexts();
  const [hasMore, setMore] = useState(others.some(({ name }) => name === chosen));
  const shown = hasMore ? [...first, ...others] : first;
  return (
    <>
      <RadioGroup aria-label={t.preset} className="preset-cards" value={chosen} onChange={onChoose}>
        {shown.map((preset) => (
          <Radio key={preset.name} value={preset.name} className="preset-card">
            <span className="preset-title">
              {textOf(t, "preset", preset.name) ?? preset.name}
              <code className="preset-name">{preset.name}</code>
              {preset.default && <span className="badge plain">{t.recommended}</span>}
            </span>
            <span className="muted">{textOf(t, "presetText", preset.name) ?? preset.summary}</span>
            <Cost of={quotes.get(preset.name)} />
          </Radio>
        ))}
      </RadioGroup>
      {others.length > 0 && (
        <Button className="button quiet small" onPress={() => setMore(!hasMore)}>
          {hasMore ? t.fewerPresets : t.morePresets}
        </Button>
      )}
    </>
  );
}

function Cost({ of }: { of: PresetQuote | undefined }) {
  const t = useTrainTexts();
  const { bytes, duration } = useFormats();
  const estimate = of?.quote?.estimate;
  return (
    <span className="preset-cost number">
      {estimate !== undefined
        ? t.cost(
            estimate.seconds === null ? t.timeUnknown : duration(estimate.seconds),
            bytes(estimate.memory_bytes),
          )
        : of?.isMeasuring
          ? t.measuring
          : of === undefined
            ? ""
            : t.measureNext}
    </span>
  );
}

/** The page's own words for a recipe that it knows. */
function textOf(t: TrainTexts, kind: "preset" | "presetText", name: string): string | undefined {
  return (t as unknown as Record<string, string>)[`${kind}_${name}`];
}
