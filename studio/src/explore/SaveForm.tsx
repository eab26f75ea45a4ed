import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button, FieldError, Form, Input, Label, TextField } from "react-aria-components";
import type { Schemas } from "../api/client";
import { useSaveLatent } from "../api/queries";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { isLatentName } from "../pictures/latent";
import { ErrorText } from "../sentences/ErrorText";
import { BookmarkIcon } from "../ui/icons";

type Latent = Omit<Schemas["SaveRequest"], "name">;

/** Saves a latent under a name. */
export function SaveForm({ latent }: { latent: () => Promise<Latent> | Latent }) {
  const { t } = useTexts();
  const { source } = usePictures();
  const { mutateAsync } = useSaveLatent(source);
  const save = useMutation({
    mutationFn: async () => mutateAsync({ ...(await latent()), name }),
    onSuccess: () => setName(""),
  });
  const [name, setName] = useState("");
  const wrong = name !== "" && !isLatentName(name);
  const failure = save.error === null ? undefined : <ErrorText error={save.error} />;
  const error = wrong ? t.nameRule : failure;
  return (
    <Form
      className="save-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (isLatentName(name)) save.mutate();
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
