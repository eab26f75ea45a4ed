import { useState } from "react";
import { Button, FieldError, Form, Input, Label, TextField } from "react-aria-components";
import { useSaveLatent } from "../api/queries";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { isLatentName, type LatentRef } from "../pictures/latent";
import { BookmarkIcon } from "../ui/icons";

/** Saves a seed under a name. */
export function SaveForm({ latent }: { latent: LatentRef }) {
  const { t } = useTexts();
  const { source } = usePictures();
  const save = useSaveLatent(source);
  const [name, setName] = useState("");
  const wrong = name !== "" && !isLatentName(name);
  const error = wrong ? t.nameRule : save.error?.message;
  return (
    <Form
      className="save-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isLatentName(name)) return;
        save.mutate({ name, seed: Number(latent) }, { onSuccess: () => setName("") });
      }}
    >
      <TextField
        className="field"
        value={name}
        isInvalid={error !== undefined}
        onChange={(text) => {
          setName(text);
          save.reset();
        }}
      >
        <Label>{t.saveAs}</Label>
        <div className="field-row">
          <Input placeholder={t.name} maxLength={64} autoComplete="off" spellCheck="false" />
          <Button type="submit" className="button" isDisabled={name === "" || save.isPending}>
            <BookmarkIcon />
            {t.save}
          </Button>
        </div>
        <FieldError className="field-error">{error}</FieldError>
      </TextField>
      <p className="live" role="status">
        {save.isSuccess ? t.savedAs(save.data.name) : ""}
      </p>
    </Form>
  );
}
