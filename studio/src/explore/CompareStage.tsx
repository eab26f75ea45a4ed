import { useMemo } from "react";
import { Button } from "react-aria-components";
import { useDescription } from "../api/queries";
import { useTexts } from "../i18n";
import { PicturesOf, usePictures } from "../pictures/context";
import { captionOf, type LatentRef } from "../pictures/latent";
import type { PictureSource } from "../pictures/source";
import { absenceOf } from "../sentences/absences";
import { ErrorText } from "../sentences/ErrorText";
import { Said } from "../sentences/Said";
import { useSettled } from "../ui/useSettled";
import { useImagesSeen } from "./CompareBar";
import { canCompare } from "./comparison";
import { MorphingPicture } from "./MorphingPicture";
import { Wiped } from "./Wipe";

const WALK_MS = 250; // a picture that one only walks past is not described

/** The open picture of both sources, one over the other, and what is known of each. */
export function CompareStage({
  latent,
  rival,
  onOpen,
}: {
  latent: LatentRef;
  rival: PictureSource;
  /** Ends the comparison and shows the picture of one source. */
  onOpen: (source: PictureSource) => void;
}) {
  const { t } = useTexts();
  const { source } = usePictures();
  const sides = useMemo(
    () => [
      { side: t.left, of: source },
      { side: t.right, of: rival },
    ],
    [t, source, rival],
  );
  if (!canCompare(latent, source, rival)) {
    return (
      <>
        <div className="stage-frame">
          <MorphingPicture latent={latent} label={t.picture(latent)} />
        </div>
        <p className="prompt" role="status">
          {t.onlyHere(captionOf(latent), source.model, rival.model)}
        </p>
      </>
    );
  }
  return (
    <>
      <div className="stage-frame">
        <Wiped
          left={<MorphingPicture latent={latent} label={`${t.picture(latent)}, ${t.left}`} />}
          right={
            <PicturesOf source={rival}>
              <MorphingPicture latent={latent} label={`${t.picture(latent)}, ${t.right}`} />
            </PicturesOf>
          }
          label={t.wipeOfPicture}
        />
      </div>
      <div className="compare-facts">
        {sides.map(({ side, of }) => (
          <Facts key={side} side={side} source={of} latent={latent} onOpen={() => onOpen(of)} />
        ))}
      </div>
    </>
  );
}

function Facts({
  side,
  source,
  latent,
  onOpen,
}: {
  side: string;
  source: PictureSource;
  latent: LatentRef;
  onOpen: () => void;
}) {
  const { t, n } = useTexts();
  const settled = useSettled(latent, WALK_MS);
  const { data: answer, error } = useDescription(source, settled, true);
  const images = useImagesSeen(source);
  const quality = answer?.quality ?? null;
  const [height, width] = source.shape;
  return (
    <section className="compare-fact" aria-label={side}>
      <h3>
        <span className="side-name">{side}</span>
      </h3>
      <strong>{source.model}</strong>
      <dl>
        <dt>{t.imagesSeen}</dt>
        <dd className="number">{images === null ? "…" : n(images)}</dd>
        <dt>{t.quality}</dt>
        <dd>
          {answer === undefined ? (
            <span className="muted">{error === null ? "…" : <ErrorText error={error} />}</span>
          ) : quality === null ? (
            <>
              {t.unknown}
              <br />
              <small className="muted">
                <Said
                  english={answer.quality_absent ?? ""}
                  japanese={absenceOf(answer.quality_absence)}
                />
              </small>
            </>
          ) : (
            <meter value={quality} min={0} max={100} aria-label={t.qualityOf(n(quality))} />
          )}
        </dd>
        <dt>{t.size}</dt>
        <dd className="number">{`${width} × ${height}`}</dd>
        <dt>{t.checkpoint}</dt>
        <dd className="hash">{source.checkpoint.slice(0, 8)}</dd>
      </dl>
      <Button className="button" onPress={onOpen}>
        {t.openThis}
      </Button>
    </section>
  );
}
