import type { Model } from "../api/client";
import { Chooser } from "../ui/controls";
import { useTrainTexts } from "./texts";

const NOISE = "";

/** From what a training starts: noise, or what a model knows already. */
export function StartChoice({
  models,
  from,
  onChoose,
}: {
  models: readonly Model[];
  from: string | null;
  onChoose: (from: string | null) => void;
}) {
  const t = useTrainTexts();
  const usable = models.filter(({ checkpoint }) => checkpoint !== null);
  const isModel = usable.some(({ name }) => name === from);
  return (
    <div className="field">
      <span className="field-label">{t.start}</span>
      <Chooser
        label={t.start}
        choices={[
          { key: NOISE, text: t.fromNoise },
          ...(from !== null && !isModel
            ? [{ key: from, text: t.fromCheckpoint(from.slice(0, 8)) }]
            : []),
          ...usable.map(({ name }) => ({ key: name, text: t.fromModel(name) })),
        ]}
        chosen={from ?? NOISE}
        onChoose={(key) => onChoose(key === NOISE ? null : key)}
      />
      <small className="muted">{t.fromHelp}</small>
    </div>
  );
}
