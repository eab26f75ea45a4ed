import { useState } from "react";
import { Button, Form, Input, Label, TextField } from "react-aria-components";
import { setKey, useKey } from "./api/key";
import { useTexts } from "./i18n";
import { Mark } from "./ui/icons";

/** Asks for the key that the service needs. */
export function KeyForm() {
  const { t } = useTexts();
  const { key } = useKey();
  const [text, setText] = useState("");
  return (
    <main className="notice">
      <Mark />
      <h1>{t.keyNeeded}</h1>
      <p>{t.keyHelp}</p>
      {key !== null && <p role="alert">{t.keyRefused}</p>}
      <Form
        className="key-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== "") setKey(text.trim());
        }}
      >
        <TextField className="field" type="password" value={text} onChange={setText} autoFocus>
          <Label>{t.key}</Label>
          <Input autoComplete="current-password" />
        </TextField>
        <Button type="submit" className="button primary">
          {t.unlock}
        </Button>
      </Form>
    </main>
  );
}
