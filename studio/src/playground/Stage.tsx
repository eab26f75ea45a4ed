import { useEffect, useRef } from "react";
import { drawScaled } from "../pictures/draw";
import { captionOf } from "../pictures/latent";
import { StageCanvas } from "../pictures/StageCanvas";
import { Segments } from "../ui/controls";
import { canvasOf } from "./canvas";
import { Directions } from "./Directions";
import type { Sample } from "./generator";
import { blend, cornerWeights, pathAt, slerp, truncate } from "./latents";
import { Pad } from "./Pad";
import { Picks } from "./Picks";
import { usePictures, useRendered } from "./pictures";
import { SaveRow } from "./SaveRow";
import { Transport } from "./Transport";
import { t } from "./texts";
import { useGlide } from "./useGlide";
import { inMode, MODES } from "./view";

/** The picture that is worked on, and what it is made of. */
export function Stage() {
  const { model, view, change } = usePictures();
  const { mode, picks, active, place, at, className, truncation } = view;
  const pick = picks[active] ?? "0";
  const glide = useGlide(pick, mode === "picture");
  // A morph and a pad have the class of their first picture.
  const label = model.labelOf(mode === "picture" ? pick : (picks[0] ?? pick), className);
  const between = picks.map(captionOf).join(mode === "morph" ? " → " : " · ");
  const caption = mode === "picture" ? captionOf(pick) : between;
  const ofClass = label === null ? "" : `, ${model.content.classes[label]}`;

  /** The sample that the mode shows. */
  const sample = (): Sample => {
    if (mode === "picture") {
      const [from, to] = [model.latentOf(glide.from), model.latentOf(pick)];
      return { latent: truncate(slerp(from, to, smooth(glide.share)), truncation), label };
    }
    const latents = picks.map((ref) => model.latentOf(ref));
    const latent =
      mode === "morph" ? pathAt(latents, at) : blend(latents, cornerWeights(latents.length, place));
    return { latent: truncate(latent, truncation), label };
  };
  const spot = { picture: [pick, glide.share], morph: at, pad: [place.x, place.y] }[mode];
  const key = JSON.stringify([mode, picks, spot, className, truncation]);
  const { picture, isCurrent, error } = useRendered(sample, key);

  return (
    <section className={`play-stage ${mode}-mode`} aria-label={t.stage}>
      <Picture
        picture={picture}
        isCurrent={isCurrent && (mode !== "picture" || glide.share === 1)}
        label={caption}
      />
      <div className="play-controls">
        {error && <p role="alert">{error}</p>}
        <div className="play-caption-row">
          <h2>{`${caption}${ofClass}`}</h2>
          <SaveRow picture={picture} name={mode === "picture" ? pick : picks.join("-")} />
        </div>
        <Segments
          label={t.mode}
          choices={MODES.map((name) => ({ key: name, text: t[`mode_${name}`] }))}
          chosen={mode}
          onChoose={(chosen) => change(inMode(view, chosen, model))}
        />
        {mode === "morph" && <Transport />}
        {mode === "pad" && <Pad />}
        {mode !== "picture" && <Picks />}
        <p className="muted">{t[`help_${mode}`]}</p>
        <Directions />
      </div>
    </section>
  );
}

/** The share of a way that begins and ends slowly. */
function smooth(share: number): number {
  return share * share * (3 - 2 * share);
}

function Picture({
  picture,
  isCurrent,
  label,
}: {
  picture: ImageData | null;
  isCurrent: boolean;
  label: string;
}) {
  const { model, view } = usePictures();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height, width] = model.content.shape;
  const { smooth } = view;
  useEffect(() => {
    if (picture === null || canvas.current === null) return;
    const part = { left: 0, top: 0, width, height };
    drawScaled(canvas.current, canvasOf(picture), part, smooth);
  }, [picture, width, height, smooth]);
  return (
    <div className="stage-frame">
      <StageCanvas ref={canvas} shape={[height, width]} label={label} busy={!isCurrent} />
    </div>
  );
}
