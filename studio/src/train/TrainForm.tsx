import { useMemo, useState } from "react";
import { Button, FieldError, Form, Input, Label, TextField } from "react-aria-components";
import type { Dataset, Preset } from "../api/client";
import { newRequestKey, useQueueJob } from "../api/jobs";
import { isName } from "../api/names";
import { useModels, usePresets } from "../api/queries";
import { useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import type { Change } from "../state/address";
import { useSettled } from "../ui/useSettled";
import { AdvancedSettings } from "./AdvancedSettings";
import type { TrainState } from "./address";
import { LengthChoice } from "./LengthChoice";
import { lengthsFor } from "./lengths";
import { PresetChoice, type PresetQuote } from "./PresetChoice";
import { QuoteBox } from "./QuoteBox";
import { useQuote, useQuotes } from "./queries";
import { freeName, jobRequest, sortPresets } from "./request";
import { StartChoice } from "./StartChoice";
import { useTrainTexts } from "./texts";

const TYPING_MS = 500;

interface FormProps {
  dataset: Dataset;
  state: TrainState;
  change: Change<TrainState>;
}

/** How to train on a dataset, what that takes, and the button that starts it. */
export function TrainForm(props: FormProps) {
  const { t } = useTexts();
  const presets = usePresets();
  if (presets.data === undefined) {
    return (
      <p className="muted">
        {presets.error === null ? t.loading : <ErrorText error={presets.error} />}
      </p>
    );
  }
  return <PresetForm {...props} presets={presets.data.items} />;
}

function PresetForm({ dataset, state, change, presets }: FormProps & { presets: Preset[] }) {
  const t = useTrainTexts();
  const usual = presets.find((preset) => preset.default) ?? presets[0];
  const preset = presets.find(({ name }) => name === state.preset) ?? usual;
  const models = useModels().data?.items ?? [];
  const names = models.map(({ name }) => name);
  const [model, setModel] = useState(() => state.model ?? freeName(dataset.name, names));
  const nameModel = (name: string) => {
    setModel(name);
    if (isName(name)) change({ model: name }, { replace: true });
  };
  if (preset === undefined) throw new Error("the service has no presets");

  const { images, lengths } = useLength(dataset, preset, state);
  const body = jobRequest(dataset, preset, model, images, state);
  // A name that is being typed would be measured letter by letter.
  const settled = useSettled(model, TYPING_MS);
  const quotedModel = isName(settled) ? settled : dataset.name;
  const quote = useQuote({ ...body, model: quotedModel });
  const device = quote.data?.estimate.device ?? "cpu";
  const { first, others } = sortPresets(presets, dataset, device !== "cpu");
  const alternatives = first.filter((other) => other !== preset);
  const otherQuotes = useQuotes(
    alternatives.map((other) =>
      jobRequest(dataset, other, quotedModel, lengthsOf(dataset, other).good, {
        ...state,
        preset: other.name,
        overrides: {},
      }),
    ),
    quote.isSuccess && !quote.isPlaceholderData && state.from === null,
  );
  const quotes = new Map<string, PresetQuote>(
    alternatives.map((other, index) => [
      other.name,
      {
        quote: otherQuotes[index]?.data,
        isMeasuring: otherQuotes[index]?.fetchStatus === "fetching",
      },
    ]),
  );
  quotes.set(preset.name, { quote: quote.data, isMeasuring: quote.isFetching });

  const create = useQueueJob();
  const text = JSON.stringify(body);
  // The same training, asked for twice, is one job.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another body is another training
  const key = useMemo(newRequestKey, [text]);
  const wrong = isName(model) ? null : t.nameRule;
  return (
    <Form
      className="train-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong !== null || create.isPending) return;
        create.mutate(
          { body, key },
          { onSuccess: (job) => change({ job: job.id, compare: null, at: null }) },
        );
      }}
    >
      <h2>{t.how}</h2>
      <PresetChoice
        first={first}
        others={others}
        chosen={preset.name}
        quotes={quotes}
        onChoose={(name) => change({ preset: name, images: null, overrides: {} })}
      />
      <h3 className="part">{t.length}</h3>
      <LengthChoice
        lengths={lengths}
        images={images}
        pictures={dataset.images ?? 0}
        onChange={(chosen) => change({ images: chosen }, { replace: true })}
      />
      <div className="field-pair">
        <TextField className="field" value={model} onChange={nameModel} isInvalid={wrong !== null}>
          <Label>{t.modelName}</Label>
          <Input maxLength={64} autoComplete="off" spellCheck="false" />
          <FieldError className="field-error">{wrong}</FieldError>
        </TextField>
        <StartChoice models={models} from={state.from} onChoose={(from) => change({ from })} />
      </div>
      {names.includes(model) && <p className="muted">{t.modelAdds(model)}</p>}
      <AdvancedSettings
        preset={preset}
        overrides={state.overrides}
        onChange={(overrides) => change({ overrides }, { replace: true })}
      />
      <QuoteBox quote={quote.data} error={quote.error} isMeasuring={quote.isFetching} />
      {create.error !== null && (
        <p className="alert" role="alert">
          <strong>{t.quoteFailed}</strong>
          <ErrorText error={create.error} />
        </p>
      )}
      <Button
        type="submit"
        className="button primary train-button"
        isDisabled={wrong !== null || create.isPending}
      >
        {t.train}
      </Button>
    </Form>
  );
}

function useLength(dataset: Dataset, preset: Preset, { images, from }: TrainState) {
  const lengths = lengthsOf(dataset, preset);
  // What is known already needs less.
  return { images: images ?? (from === null ? lengths.good : lengths.quick), lengths };
}

function lengthsOf(dataset: Dataset, preset: Preset) {
  const { images, augmentation } = preset.config;
  return lengthsFor(dataset.images ?? 0, Number(images), augmentation !== "none");
}
