import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Button, DropZone, FileTrigger } from "react-aria-components";
import { useTexts } from "../i18n";
import { FolderIcon, PicturesIcon } from "../ui/icons";
import { droppedMembers, membersOf } from "./chosenFiles";
import type { UploadFields } from "./packing";
import { rememberedUploads } from "./rememberedUploads";
import { type Selection, selectionOf } from "./sources";
import type { Member } from "./tar";
import { useTrainTexts } from "./texts";
import { UploadForm } from "./UploadForm";
import { UploadProgress } from "./UploadProgress";
import { upload, useUpload } from "./upload";

/** Hears of the dataset that an upload became while the panel is shown: an upload goes on on other
 * screens, whose address is not its own. */
let listener: ((dataset: string) => void) | null = null;

/** Where pictures are dropped or chosen, named and uploaded. */
export function UploadPanel({
  packing,
  onPacking,
  onCreated,
}: {
  packing: Partial<UploadFields>;
  onPacking: (fields: Partial<UploadFields>) => void;
  onCreated: (dataset: string) => void;
}) {
  const client = useQueryClient();
  const state = useUpload();
  const [selection, setSelection] = useState<Selection | null>(null);
  const [isEmpty, setEmpty] = useState(false);

  const choose = (members: readonly Member[]) => {
    const chosen = selectionOf(members);
    setSelection(chosen);
    setEmpty(chosen === null);
  };
  const discard = () => {
    setSelection(null);
    onPacking({});
  };
  useEffect(() => {
    listener = onCreated;
    return () => {
      listener = null;
    };
  });
  const start = async (chosen: Selection, fields: UploadFields) => {
    const dataset = await upload(chosen, fields);
    if (dataset === null) return;
    void client.invalidateQueries({ queryKey: ["datasets"] });
    listener?.(dataset.name);
  };

  if (state !== null && state.phase !== "failed") {
    return (
      <UploadProgress
        state={state}
        onResume={() => void start(state.selection, state.fields)}
        onDiscard={discard}
      />
    );
  }
  const chosen = selection ?? state?.selection ?? null;
  if (chosen !== null) {
    return (
      <UploadForm
        selection={chosen}
        given={{ ...state?.fields, ...packing }}
        error={state?.error ?? null}
        onChange={onPacking}
        onUpload={(fields) => void start(chosen, fields)}
        onDiscard={discard}
      />
    );
  }
  return <DropArea isEmpty={isEmpty} onChoose={choose} />;
}

function DropArea({
  isEmpty,
  onChoose,
}: {
  isEmpty: boolean;
  onChoose: (members: readonly Member[]) => void;
}) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const interrupted = Object.values(rememberedUploads()).at(-1);
  return (
    <DropZone
      aria-label={t.dropTitle}
      className="drop-area"
      getDropOperation={() => "copy"}
      onDrop={(event) => void droppedMembers(event.items).then(onChoose)}
    >
      <PicturesIcon />
      <h2>{t.dropTitle}</h2>
      <p className="muted">{t.dropHelp}</p>
      <div className="drop-buttons">
        <FileTrigger allowsMultiple onSelect={(files) => files && onChoose(membersOf(files))}>
          <Button className="button primary">{t.chooseFile}</Button>
        </FileTrigger>
        <FileTrigger acceptDirectory onSelect={(files) => files && onChoose(membersOf(files))}>
          <Button className="button">
            <FolderIcon />
            {t.chooseFolder}
          </Button>
        </FileTrigger>
      </div>
      {isEmpty && (
        <p className="field-error" role="alert">
          {t.nothingVisible}
        </p>
      )}
      {interrupted !== undefined && (
        <p className="interrupted" role="status">
          {t.interrupted(interrupted.name, `${n((100 * interrupted.sent) / interrupted.bytes)} %`)}
        </p>
      )}
    </DropZone>
  );
}
