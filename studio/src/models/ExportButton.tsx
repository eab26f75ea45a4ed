import { Button, Dialog, DialogTrigger, Popover } from "react-aria-components";
import { type Checkpoint, serviceUrl } from "../api/client";
import { useScreenTexts, useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { DownloadLink } from "../ui/DownloadLink";
import { ChevronIcon } from "../ui/icons";
import { type ExportFormat, exportPath, useExportBytes } from "./queries";
import { TEXTS } from "./texts";

const ENDINGS: Record<ExportFormat, string> = {
  bundle: "zip",
  onnx: "onnx",
  safetensors: "safetensors",
};

/** The files that a checkpoint can be saved as, with their sizes where they are known before. */
export function ExportButton({ checkpoint }: { checkpoint: Checkpoint }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const label = t.exportThis(n(checkpoint.images_seen));
  return (
    <DialogTrigger>
      <Button className="button small" aria-label={label}>
        {t.export}
        <ChevronIcon />
      </Button>
      <Popover className="popover panel" placement="bottom end">
        <Dialog className="dialog exports" aria-label={label}>
          <Export checkpoint={checkpoint} format="bundle" />
          <Export checkpoint={checkpoint} format="bundle" isPrivate />
          <Export checkpoint={checkpoint} format="safetensors" />
          <Export checkpoint={checkpoint} format="onnx" />
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function Export({
  checkpoint,
  format,
  isPrivate = false,
}: {
  checkpoint: Checkpoint;
  format: ExportFormat;
  isPrivate?: boolean;
}) {
  const t = useScreenTexts(TEXTS);
  const formats = useFormats();
  const bytes = useExportBytes(checkpoint.id, format).data;
  const file = `${checkpoint.model}-${checkpoint.id}.${ENDINGS[format]}`;
  const name = isPrivate ? t.withoutReference : t[`export_${format}`];
  const path = `${exportPath(checkpoint.id, format)}${isPrivate ? "&reference=false" : ""}`;
  return (
    <DownloadLink className="export" address={serviceUrl(path)} file={file}>
      <strong>{name}</strong>
      {bytes && <span className="number">{formats.bytes(bytes)}</span>}
      <small className="muted">
        {isPrivate ? t.exportHelp_withoutReference : t[`exportHelp_${format}`]}
      </small>
    </DownloadLink>
  );
}
