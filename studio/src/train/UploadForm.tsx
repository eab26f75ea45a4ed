import { useState } from "react";
import { Button, FieldError, Form, Input, Label, TextField } from "react-aria-components";
import { isName } from "../api/names";
import { useDatasets } from "../api/queries";
import { useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { ErrorText } from "../sentences/ErrorText";
import { Segments } from "../ui/controls";
import type { Selection } from "./sources";
import { useTrainTexts } from "./texts";
import { discardUpload, type UploadFields } from "./upload";

const SIZES = ["32", "64", "128"];
const FITS = ["crop", "pad", "stretch"] as const;
type Fit = (typeof FITS)[number];
const REPETITIONS = ["keep", "drop"] as const;
type Repetitions = (typeof REPETITIONS)[number];

/** Name, size and proportions of the dataset that is to be made of what was chosen. */
export function UploadForm({
  selection,
  fields,
  error,
  onUpload,
  onDiscard,
}: {
  selection: Selection;
  /** Those of an upload that failed. */
  fields: UploadFields | null;
  error: Error | null;
  onUpload: (fields: UploadFields) => void;
  onDiscard: () => void;
}) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const { bytes } = useFormats();
  const datasets = useDatasets().data?.items ?? [];
  const [name, setName] = useState(fields?.name ?? selection.name);
  const [size, setSize] = useState(fields?.size ?? "64");
  const [fit, setFit] = useState<Fit>((fields?.fit as Fit | undefined) ?? "crop");
  const [repetitions, setRepetitions] = useState<Repetitions>(
    (fields?.near_duplicates as Repetitions | undefined) ?? "keep",
  );
  const isTaken = datasets.some((other) => other.name === name && other.status !== "failed");
  const wrong = !isName(name) ? t.nameRule : isTaken ? t.nameTaken(name) : null;
  return (
    <Form
      className="panel-box upload-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong === null) onUpload({ name, size, fit, near_duplicates: repetitions });
      }}
    >
      <div className="row">
        <h2>{selection.files === 1 ? selection.sources[0]?.name : t.yours}</h2>
        <span className="muted">
          {selection.files === 1
            ? t.selectedOne(bytes(selection.bytes))
            : t.selected(n(selection.files), bytes(selection.bytes))}
        </span>
      </div>
      {error !== null && (
        <p className="alert" role="alert">
          <strong>{t.uploadFailed}</strong>
          <ErrorText error={error} />
        </p>
      )}
      <div className="upload-fields">
        <TextField className="field" value={name} onChange={setName} isInvalid={wrong !== null}>
          <Label>{t.name}</Label>
          <Input maxLength={64} autoComplete="off" spellCheck="false" />
          <FieldError className="field-error">{wrong}</FieldError>
        </TextField>
        <div className="field">
          <span className="field-label">{t.size}</span>
          <Segments
            label={t.size}
            choices={SIZES.map((side) => ({ key: side, text: `${side} × ${side}` }))}
            chosen={size}
            onChoose={setSize}
          />
          <small className="muted">{t.sizeHelp}</small>
        </div>
        <div className="field">
          <span className="field-label">{t.fit}</span>
          <Segments
            label={t.fit}
            choices={FITS.map((key) => ({ key, text: t[`fit_${key}`] }))}
            chosen={fit}
            onChoose={setFit}
          />
          <small className="muted">{t[`fitHelp_${fit}`]}</small>
        </div>
        <div className="field">
          <span className="field-label">{t.repetitions}</span>
          <Segments
            label={t.repetitions}
            choices={REPETITIONS.map((key) => ({ key, text: t[`repetitions_${key}`] }))}
            chosen={repetitions}
            onChoose={setRepetitions}
          />
          <small className="muted">{t[`repetitionsHelp_${repetitions}`]}</small>
        </div>
      </div>
      <div className="form-actions">
        <Button
          className="button quiet"
          onPress={() => {
            discardUpload();
            onDiscard();
          }}
        >
          {t.other}
        </Button>
        <Button type="submit" className="button primary" isDisabled={wrong !== null}>
          {t.upload}
        </Button>
      </div>
    </Form>
  );
}
