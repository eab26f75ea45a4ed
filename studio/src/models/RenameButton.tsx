import { useState } from "react";
import {
  Button,
  Dialog,
  DialogTrigger,
  FieldError,
  Form,
  Input,
  Label,
  Popover,
  TextField,
} from "react-aria-components";
import { isName } from "../api/names";
import { useScreenTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import { navigate } from "../state/address";
import { modelQuery } from "./address";
import { useRename } from "./queries";
import { TEXTS } from "./texts";

/** Gives a model another name. */
export function RenameButton({ model }: { model: string }) {
  const t = useScreenTexts(TEXTS);
  const rename = useRename(model);
  const [name, setName] = useState(model);
  return (
    <DialogTrigger onOpenChange={() => setName(model)}>
      <Button className="button">{t.rename}</Button>
      <Popover className="popover panel">
        <Dialog className="dialog" aria-label={t.rename}>
          <Form
            className="dialog-form"
            onSubmit={(event) => {
              event.preventDefault();
              if (!isName(name)) return;
              rename.mutate(name, {
                onSuccess: () => navigate(modelQuery(name), { replace: true }),
              });
            }}
          >
            <TextField
              className="field"
              value={name}
              onChange={setName}
              isInvalid={name !== "" && !isName(name)}
              autoFocus
            >
              <Label>{t.newName}</Label>
              <Input autoComplete="off" spellCheck={false} maxLength={64} />
              <FieldError className="field-error">{t.nameRule}</FieldError>
            </TextField>
            <p className="muted small">{t.renameHelp}</p>
            {rename.error !== null && (
              <p className="field-error" role="alert">
                <ErrorText error={rename.error} />
              </p>
            )}
            <Button
              type="submit"
              className="button primary"
              isDisabled={!isName(name) || name === model || rename.isPending}
            >
              {t.rename}
            </Button>
          </Form>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
