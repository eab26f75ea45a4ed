import { Button } from "react-aria-components";
import { useFormats } from "../i18n/formats";
import { PauseIcon, PlayIcon } from "../ui/icons";
import { useTrainTexts } from "./texts";
import { discardUpload, pauseUpload, type UploadState } from "./upload";

/** How far an upload is; it can be paused, continued and discarded. */
export function UploadProgress({
  state,
  onResume,
  onDiscard,
}: {
  state: UploadState;
  onResume: () => void;
  onDiscard: () => void;
}) {
  const t = useTrainTexts();
  const { bytes } = useFormats();
  const { phase, selection, fields, sent } = state;
  const says = {
    sending: "",
    paused: t.paused,
    waiting: t.waiting,
    packing: t.creating,
    failed: "",
  };
  const counter = t.uploadedOf(bytes(sent), bytes(selection.bytes));
  return (
    <section className="panel-box" aria-label={t.uploading}>
      <div className="row">
        <h2>{fields.name}</h2>
        <span className="muted number">
          <span role="status">{says[phase]}</span>
          {phase === "paused" && " · "}
          {(phase === "sending" || phase === "paused") && counter}
        </span>
      </div>
      <progress
        value={selection.bytes === 0 ? 1 : sent / selection.bytes}
        aria-label={t.uploading}
      />
      <div className="form-actions">
        <Button
          className="button quiet"
          onPress={() => {
            discardUpload();
            onDiscard();
          }}
        >
          {t.discard}
        </Button>
        {phase === "paused" ? (
          <Button className="button primary" onPress={onResume}>
            <PlayIcon />
            {t.resume}
          </Button>
        ) : (
          <Button className="button" onPress={pauseUpload} isDisabled={phase === "packing"}>
            <PauseIcon />
            {t.pause}
          </Button>
        )}
      </div>
    </section>
  );
}
