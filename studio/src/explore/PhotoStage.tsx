import { useEffect } from "react";
import { answeredUrl } from "../api/client";
import { useProjection, useSaveLatent } from "../api/queries";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import type { LatentRef } from "../pictures/latent";
import { RemotePicture } from "../pictures/RemotePicture";
import { ErrorText } from "../sentences/ErrorText";
import { JobErrorText } from "../sentences/JobErrorText";
import { JobRemedy } from "../sentences/JobRemedy";
import { Said } from "../sentences/Said";
import { verdictOf } from "../sentences/verdicts";

/** The photo whose latent is searched for, and how far that is. When it is found, it is saved under
 * a name, so that it can be opened, picked and moved like any other picture. */
export function PhotoStage({
  projection,
  onFound,
}: {
  projection: string;
  onFound: (name: LatentRef) => void;
}) {
  const { t, n } = useTexts();
  const { source } = usePictures();
  const { data: view, error } = useProjection(projection);
  const { mutate: save, error: saveError } = useSaveLatent(source, { replace: true });
  const succeeded = view?.status === "succeeded";
  useEffect(() => {
    if (!succeeded) return;
    const name = `photo-${projection.slice(0, 6)}`;
    save({ name, projection, tags: ["photo"] }, { onSuccess: () => onFound(name) });
  }, [succeeded, projection, save, onFound]);
  const failed = error ?? saveError;
  const ended = view?.status === "failed" || view?.status === "cancelled";
  const { images_seen: done = 0, images_total: total = null } = view?.progress ?? {};
  const phases = {
    encoder: t.phase_encoder,
    calibration: t.phase_calibration,
    projection: t.phase_projection,
  };
  const phase = phases[view?.phase as keyof typeof phases] ?? "";
  return (
    <>
      <div className="stage-frame waiting">
        {view && <RemotePicture address={answeredUrl(view.picture)} label={t.yourPhoto} />}
      </div>
      {failed || ended ? (
        <p role="alert">
          {t.photoFailed}:{" "}
          {failed ? <ErrorText error={failed} /> : view && <JobErrorText of={view} />}
          {!failed && view && <JobRemedy of={{ ...view, kind: "project" }} />}
        </p>
      ) : (
        <div role="status" className="photo-progress">
          <p>{t.photoWorking}</p>
          <progress
            {...(total ? { value: Math.min(1, done / total) } : {})}
            aria-label={t.photoWorking}
          />
          <p className="muted">{total ? `${n(done)} / ${n(total)} · ${phase}` : t.photoHelp}</p>
        </div>
      )}
    </>
  );
}

/** A photo beside the picture of its latent. */
export function PhotoComparison({ projection }: { projection: string }) {
  const { t } = useTexts();
  const { data: view } = useProjection(projection);
  if (!view?.reconstruction) return null;
  return (
    <section className="section" aria-label={t.photo}>
      <h3>{t.photo}</h3>
      <div className="comparison">
        <Side address={view.picture} label={t.yourPhoto} />
        <Side address={view.reconstruction} label={t.itsPicture} />
      </div>
      <p className="muted">
        <Said english={view.says ?? ""} japanese={verdictOf(view)} />
      </p>
    </section>
  );
}

function Side({ address, label }: { address: string; label: string }) {
  return (
    <figure>
      <RemotePicture address={answeredUrl(address)} label={label} />
      <figcaption className="muted">{label}</figcaption>
    </figure>
  );
}
