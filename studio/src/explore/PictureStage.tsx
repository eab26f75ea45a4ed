import { Fragment, useState } from "react";
import { Button } from "react-aria-components";
import { answeredUrl, type ImageAnswer, type NamedLatent, serviceUrl } from "../api/client";
import { useKey } from "../api/key";
import { useDeleteLatent, useDescription, useLatents } from "../api/queries";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { baseOf, editsOf, isSeed, type LatentRef } from "../pictures/latent";
import { RemotePicture } from "../pictures/RemotePicture";
import {
  curlCommand,
  fileName,
  IMAGE_FORMATS,
  imagePath,
  pythonProgram,
} from "../pictures/snippets";
import { absenceOf } from "../sentences/absences";
import { ErrorText } from "../sentences/ErrorText";
import { Said } from "../sentences/Said";
import { usePreferences } from "../state/preferences";
import type { ChangeView } from "../state/useView";
import { NO_SEARCH, type View } from "../state/view";
import { CopyRow } from "../ui/CopyRow";
import { DownloadLinks } from "../ui/DownloadLinks";
import { MorphIcon, SparkIcon, TrashIcon } from "../ui/icons";
import { useSettled } from "../ui/useSettled";
import { Directions } from "./Directions";
import { MorphingPicture } from "./MorphingPicture";
import { PhotoComparison } from "./PhotoStage";
import { SaveForm } from "./SaveForm";
import { type Scale, ScaleChoice } from "./ScaleChoice";

const WALK_MS = 250; // a picture that one only walks past is not described

/** The open picture, and what can be known of it and done with it. */
export function PictureStage({
  latent,
  view,
  change,
  onDeleted,
}: {
  latent: LatentRef;
  view: View;
  change: ChangeView;
  onDeleted: (latent: NamedLatent) => void;
}) {
  const { t } = useTexts();
  const { source } = usePictures();
  const settled = useSettled(latent, WALK_MS);
  const remove = useDeleteLatent(source.model);
  const isRemoved = (remove.isPending || remove.isSuccess) && remove.variables === settled;
  const description = useDescription(source, settled, !isRemoved);
  const isNamed = !isSeed(baseOf(latent)) && latent === baseOf(latent);
  const projection = useProjectionOf(source.model, latent);
  const answer = settled === latent ? description.data : undefined;
  const error = settled === latent && answer === undefined ? description.error : null;
  const missing = error === null ? "…" : t.unknown;
  return (
    <>
      <div className="stage-frame">
        <MorphingPicture latent={latent} label={t.picture(latent)} />
      </div>
      {error !== null && (
        <p role="alert">
          <ErrorText error={error} />
        </p>
      )}
      <div className="actions">
        <Button className="button primary" onPress={() => change({ morph: [latent], at: null })}>
          <MorphIcon />
          {t.morphFromHere}
        </Button>
        <Button className="button" onPress={() => change({ ...NO_SEARCH, like: latent })}>
          <SparkIcon />
          {t.moreLikeThis}
        </Button>
      </div>
      {isNamed ? (
        <Button
          className="button quiet"
          onPress={() => remove.mutate(latent, { onSuccess: onDeleted })}
        >
          <TrashIcon />
          {t.deleteSaved}
          {remove.error && (
            <span role="alert">
              <ErrorText error={remove.error} />
            </span>
          )}
        </Button>
      ) : (
        <SaveForm key={baseOf(latent)} latent={() => savedFrom(latent)} />
      )}
      {projection && <PhotoComparison projection={projection} />}
      <Directions latent={latent} view={view} change={change} />
      <Files latent={latent} />
      <Passport answer={answer} missing={missing} />
      <Recipe answer={answer} missing={missing} latent={latent} />
    </>
  );
}

/** The projection that a saved latent comes from, if it comes from one. */
function useProjectionOf(model: string, latent: LatentRef): string | null {
  const latents = useLatents(model);
  const saved = latents.data?.items.find((item) => item.name === baseOf(latent));
  const projection = saved?.source?.projection;
  return typeof projection === "string" ? projection : null;
}

/** A latent as it is saved: a saved one is repeated as a mix of itself alone. */
function savedFrom(latent: LatentRef) {
  const [base, edits] = [baseOf(latent), editsOf(latent)];
  return isSeed(base) ? { seed: Number(base), edits } : { mix: [{ name: base, weight: 1 }], edits };
}

interface Described {
  answer: ImageAnswer | undefined;
  /** The text in place of a value while there is no answer. */
  missing: string;
}

function Passport({ answer, missing }: Described) {
  const { t, n } = useTexts();
  const pictures = answer?.nearest_pictures ?? (answer?.nearest ? [answer.nearest] : []);
  const quality = answer?.quality ?? null;
  return (
    <section className="section">
      <h3>{t.passport}</h3>
      <dl className="facts">
        <dt>{t.quality}</dt>
        <dd>
          {quality === null ? (
            <Unknown
              answer={answer}
              missing={missing}
              reason={answer?.quality_absent}
              absence={answer?.quality_absence}
            />
          ) : (
            <>
              <meter value={quality} min={0} max={100} aria-label={t.quality} />
              <span>{t.qualityOf(n(quality))}</span>
            </>
          )}
        </dd>
        <dt>{t.nearestReal}</dt>
        <dd>
          {pictures.length > 0 ? (
            <>
              <div className="nearest">
                {pictures.map((picture) => (
                  <RemotePicture
                    key={picture.index}
                    address={answeredUrl(picture.url)}
                    label={t.realPicture(n(picture.index), n(picture.distance, 3))}
                  />
                ))}
              </div>
              <span>{answer?.copy ? t.isCopy : t.isNoCopy}</span>
            </>
          ) : (
            <Unknown
              answer={answer}
              missing={missing}
              reason={answer?.nearest_absent}
              absence={answer?.nearest_absence}
            />
          )}
        </dd>
      </dl>
    </section>
  );
}

/** In place of what the service does not know, with its reason. */
function Unknown({
  answer,
  missing,
  reason,
  absence,
}: Described & {
  reason: string | null | undefined;
  absence: ImageAnswer["quality_absence"];
}) {
  const { t } = useTexts();
  if (answer === undefined) return <span className="muted">{missing}</span>;
  return (
    <>
      <span>{t.unknown}</span>
      {reason && (
        <small className="muted">
          <Said english={reason} japanese={absenceOf(absence)} />
        </small>
      )}
    </>
  );
}

function Recipe({ answer, missing, latent }: Described & { latent: LatentRef }) {
  const { t, n } = useTexts();
  const { source } = usePictures();
  const base = baseOf(latent);
  const edits = Object.entries(editsOf(latent));
  return (
    <section className="section">
      <h3>{t.recipe}</h3>
      <dl className="facts">
        <dt>{isSeed(base) ? t.seed : t.name}</dt>
        <dd className="number">{base}</dd>
        {edits.map(([direction, amount]) => (
          <Fragment key={direction}>
            <dt>{t.movedAlong(direction)}</dt>
            <dd className="number">{n(amount, 2)}</dd>
          </Fragment>
        ))}
        <dt>{t.model}</dt>
        <dd>{source.model}</dd>
        <dt>{t.checkpoint}</dt>
        <dd className="number">{source.checkpoint}</dd>
        <dt>{t.imagesSeen}</dt>
        <dd className="number">{answer ? n(answer.images_seen) : missing}</dd>
        {answer?.class && (
          <>
            <dt>{t.classLabel}</dt>
            <dd>{answer.class}</dd>
          </>
        )}
        <dt>{t.truncation}</dt>
        <dd className="number">{n(source.truncation, 2)}</dd>
        <dt>{t.weights}</dt>
        <dd className="number hash">{answer ? answer.sha256.slice(0, 16) : missing}</dd>
      </dl>
    </section>
  );
}

function Files({ latent }: { latent: LatentRef }) {
  const { t } = useTexts();
  const { source } = usePictures();
  const { key } = useKey();
  const [{ smooth }] = usePreferences();
  const [scale, setScale] = useState<Scale>("1");
  const enlargement = { scale: Number(scale), smooth };
  const address = (format: (typeof IMAGE_FORMATS)[number]) =>
    serviceUrl(imagePath(source, latent, format, enlargement));
  return (
    <section className="section">
      <h3>{t.download}</h3>
      <div className="row">
        <DownloadLinks
          formats={IMAGE_FORMATS}
          address={address}
          file={(format) => fileName(source, [latent], format)}
        />
        <ScaleChoice scale={scale} onChoose={setScale} />
      </div>
      <h3>{t.copy}</h3>
      <CopyRow
        texts={[
          { label: t.copyUrl, text: () => address("png") },
          {
            label: t.copyCurl,
            text: () =>
              curlCommand(address("png"), fileName(source, [latent], "png"), key !== null),
          },
          { label: t.copyPython, text: () => pythonProgram(address("png"), key !== null) },
          { label: t.copyLink, text: () => location.href },
        ]}
      />
    </section>
  );
}
