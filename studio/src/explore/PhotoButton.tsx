import { type DragEvent, type ReactNode, useState } from "react";
import { FileTrigger } from "react-aria-components";
import { useProjectPhoto } from "../api/queries";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { ErrorText } from "../sentences/ErrorText";
import type { ChangeView } from "../state/useView";
import { IconButton } from "../ui/controls";
import { PhotoIcon } from "../ui/icons";

const PHOTO_TYPES = ["image/*"];

function usePhoto(change: ChangeView) {
  const { source } = usePictures();
  const upload = useProjectPhoto(source);
  const find = (photo: File | null | undefined) => {
    if (!photo) return;
    upload.mutate(photo, {
      onSuccess: ({ id }) => change({ photo: id, show: null, morph: [] }),
    });
  };
  return { upload, find };
}

/** Chooses a photo, whose latent is then searched for. */
export function PhotoButton({ change }: { change: ChangeView }) {
  const { t } = useTexts();
  const { upload, find } = usePhoto(change);
  return (
    <>
      <FileTrigger acceptedFileTypes={PHOTO_TYPES} onSelect={(files) => find(files?.[0])}>
        <IconButton label={t.projectPhoto} className="boxed" isDisabled={upload.isPending}>
          <PhotoIcon />
        </IconButton>
      </FileTrigger>
      {upload.error && (
        <p role="alert">
          <ErrorText error={upload.error} />
        </p>
      )}
    </>
  );
}

/** Takes a photo that is dropped anywhere inside. */
export function PhotoDrop({ change, children }: { change: ChangeView; children: ReactNode }) {
  const { t } = useTexts();
  const { upload, find } = usePhoto(change);
  const [over, setOver] = useState(false);
  const hasFile = (event: DragEvent) => event.dataTransfer.types.includes("Files");
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button does the same without a mouse
    <div
      className="photo-drop"
      onDragOver={(event) => {
        if (!hasFile(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        find(event.dataTransfer.files[0]);
      }}
    >
      {children}
      {over && <p className="drop-here">{t.dropPhoto}</p>}
      {upload.error && (
        <p role="alert">
          <ErrorText error={upload.error} />
        </p>
      )}
    </div>
  );
}
