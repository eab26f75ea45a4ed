import { useState } from "react";
import { Button, FieldError, Form, Input, Label, TextField } from "react-aria-components";
import { isName } from "../api/names";
import { useDatasets } from "../api/queries";
import { useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { ErrorText } from "../sentences/ErrorText";
import { Segments } from "../ui/controls";
import { DEFAULTS, FITS, REPETITIONS, SIZES, type UploadFields } from "./packing";
import type { Selection } from "./sources";
import { useTrainTexts } from "./texts";
import { discardUpload } from "./upload";

/** Name, size and proportions of the dataset that is to be made of what was chosen. */
export function UploadForm({
  selection,
  given,
  error,
  onChange,
  onUpload,
  onDiscard,
}: {
  selection: Selection;
  /** Those of the address, or of an upload that failed. */
  given: Partial<UploadFields>;
  error: Error | null;
  onChange: (fields: Partial<UploadFields>) => void;
  onUpload: (fields: UploadFields) => void;
  onDiscard: () => void;
}) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const { bytes } = useFormats();
  const datasets = useDatasets().data?.items ?? [];
  const [fields, setFields] = useState<UploadFields>({
    name: selection.name,
    ...DEFAULTS,
    ...given,
  });
  const change = (patch: Partial<UploadFields>) => {
    setFields({ ...fields, ...patch });
    onChange({ ...given, ...patch });
  };
  const { name, size, fit, near_duplicates: repetitions } = fields;
  const isTaken = datasets.some((other) => other.name === name && other.status !== "failed");
  const wrong = !isName(name) ? t.nameRule : isTaken ? t.nameTaken(name) : null;
  return (
    <Form
      className="panel-box upload-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong === null) onUpload(fields);
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
        <TextField
          className="field"
          value={name}
          onChange={(typed) => change({ name: typed })}
          isInvalid={wrong !== null}
        >
          <Label>{t.name}</Label>
          <Input maxLength={64} autoComplete="off" spellCheck="false" />
          <FieldError className="field-error">{wrong}</FieldError>
        </TextField>
        <div className="field">
          <span className="field-label">{t.size}</span>
          <Segments
            label={t.size}
            choices={SIZES.map((side) => ({ key: side, text: side }))}
            chosen={size}
            onChoose={(side) => change({ size: side })}
          />
          <small className="muted">{t[`sizeHelp_${size}`]}</small>
        </div>
        <div className="field">
          <span className="field-label">{t.fit}</span>
          <Segments
            label={t.fit}
            choices={FITS.map((key) => ({ key, text: t[`fit_${key}`] }))}
            chosen={fit}
            onChoose={(key) => change({ fit: key })}
          />
          <small className="muted">{t[`fitHelp_${fit}`]}</small>
        </div>
        <div className="field">
          <span className="field-label">{t.repetitions}</span>
          <Segments
            label={t.repetitions}
            choices={REPETITIONS.map((key) => ({ key, text: t[`repetitions_${key}`] }))}
            chosen={repetitions}
            onChoose={(key) => change({ near_duplicates: key })}
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
