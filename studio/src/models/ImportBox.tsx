import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import {
  Button,
  DropZone,
  FieldError,
  FileTrigger,
  Form,
  Input,
  Label,
  TextField,
} from "react-aria-components";
import type { JobEvent } from "../api/eventStream";
import { useJobEvents } from "../api/events";
import { isName, toName } from "../api/names";
import { Problem } from "../api/problem";
import { hasEnded, useJob } from "../api/queries";
import { useScreenTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { ErrorText } from "../sentences/ErrorText";
import { JobErrorText } from "../sentences/JobErrorText";
import { JobRemedy } from "../sentences/JobRemedy";
import { screenQuery } from "../state/screen";
import { ScreenLink } from "../ui/ScreenLink";
import { modelQuery } from "./address";
import { TEXTS } from "./texts";
import { uploadModel } from "./upload";

const ENDINGS = [".zip", ".safetensors"];

/** A place to drop the file of a model, which becomes a model here. */
export function ImportBox() {
  const t = useScreenTexts(TEXTS);
  const [file, setFile] = useState<File | null>(null);
  const [surplus, setSurplus] = useState(false);
  const take = (files: readonly File[]) => {
    setFile(files[0] ?? null);
    setSurplus(files.length > 1);
  };
  return (
    <section className="panel-box" aria-labelledby="model-import">
      <h2 id="model-import">{t.import}</h2>
      <DropZone
        className="drop-zone"
        aria-label={t.importDrop}
        onDrop={async ({ items }) => {
          const dropped = items.flatMap((item) => (item.kind === "file" ? [item.getFile()] : []));
          take(await Promise.all(dropped));
        }}
      >
        {({ isDropTarget }) => (
          <>
            <p>{isDropTarget ? t.importHere : t.importDrop}</p>
            <FileTrigger acceptedFileTypes={ENDINGS} onSelect={(files) => take([...(files ?? [])])}>
              <Button className="button">{t.chooseFile}</Button>
            </FileTrigger>
          </>
        )}
      </DropZone>
      {surplus && <p className="muted">{t.onlyOneFile}</p>}
      {file !== null && (
        <Import
          key={`${file.name} ${file.size} ${file.lastModified}`}
          file={file}
          onForget={() => take([])}
        />
      )}
    </section>
  );
}

/** The import of one file: its name is asked for, then it is uploaded, then a worker checks it. */
function Import({ file, onForget }: { file: File; onForget: () => void }) {
  const t = useScreenTexts(TEXTS);
  const formats = useFormats();
  const [name, setName] = useState(() => toName(file.name.replace(/\.(zip|safetensors)$/i, "")));
  const [share, setShare] = useState(0);
  const upload = useMutation({ mutationFn: () => uploadModel(name, file, setShare) });
  const isTaken = upload.error instanceof Problem && upload.error.status === 409;
  if (upload.data !== undefined) return <Checking job={upload.data.id} name={name} />;
  if (upload.isPending) {
    return (
      <div className="standing" aria-live="polite">
        <p>
          {t.uploading}: {file.name}
        </p>
        <progress value={share} aria-label={t.uploading} />
      </div>
    );
  }
  return (
    <Form
      className="import-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (isName(name)) upload.mutate();
      }}
    >
      <p>
        {file.name} <span className="muted number">{formats.bytes(file.size)}</span>
      </p>
      <TextField
        className="field"
        value={name}
        onChange={setName}
        isInvalid={!isName(name)}
        autoFocus
      >
        <Label>{t.importAs}</Label>
        <Input autoComplete="off" spellCheck={false} maxLength={64} />
        <FieldError className="field-error">{t.nameRule}</FieldError>
      </TextField>
      {upload.error !== null && (
        <div className="alert" role="alert">
          <strong>{t.importFailed}</strong>
          <span>
            <ErrorText error={upload.error} />
          </span>
          {isTaken && <span>{t.nameTaken}</span>}
        </div>
      )}
      <div className="button-row">
        <Button type="submit" className="button primary" isDisabled={!isName(name)}>
          {t.importStart}
        </Button>
        <Button className="button quiet" onPress={onForget}>
          {t.forget}
        </Button>
      </div>
    </Form>
  );
}

/** What the worker says about the uploaded file. */
function Checking({ job: id, name }: { job: string; name: string }) {
  const t = useScreenTexts(TEXTS);
  const client = useQueryClient();
  const job = useJob(id).data;
  const isEnded = hasEnded(job?.status);
  const onEvent = useCallback(
    ({ type }: JobEvent) => {
      if (type === "state") void client.invalidateQueries({ queryKey: ["jobs", id] });
    },
    [client, id],
  );
  useJobEvents(isEnded ? [] : [id], onEvent);
  // The list is above: once it has the model, what is said here stays where it is.
  const [isListed, setListed] = useState(false);
  useEffect(() => {
    if (!isEnded) return;
    void client.invalidateQueries({ queryKey: ["models"] }).then(() => setListed(true));
  }, [isEnded, client]);
  if (job?.status === "succeeded" && isListed) {
    return (
      <p role="status">
        {t.importDone(name)}{" "}
        <ScreenLink className="link" query={modelQuery(name)}>
          {t.open(name)}
        </ScreenLink>
      </p>
    );
  }
  if (isEnded && job?.status !== "succeeded") {
    return (
      <div className="alert" role="alert">
        <strong>{t.importFailed}</strong>
        {job && (
          <span>
            <JobErrorText of={job} />
            <JobRemedy of={job} />
          </span>
        )}
        <ScreenLink className="link" query={screenQuery("jobs", { job: id })}>
          {t.openJob}
        </ScreenLink>
      </div>
    );
  }
  const text = job?.status === "queued" ? t.importWaits : t.checking;
  return (
    <div className="standing" role="status">
      <p>{text}</p>
      <progress aria-label={text} />
    </div>
  );
}
