import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Switch } from "react-aria-components";
import { useTexts } from "../i18n";
import { FEWEST_CORNERS, MOST_CORNERS } from "../pictures/blend";
import { usePictures } from "../pictures/context";
import type { LatentRef } from "../pictures/latent";
import { EASINGS, frameCount } from "../pictures/morph";
import { fetchStrip } from "../pictures/strip";
import { ErrorText } from "../sentences/ErrorText";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { Segments } from "../ui/controls";
import { Keyframes } from "./Keyframes";
import { MorphFiles } from "./MorphFiles";
import { MorphingPicture } from "./MorphingPicture";
import { MorphPlayer } from "./MorphPlayer";
import { PadStage } from "./PadStage";

const ignore = () => {};

function canBePad(keyframes: readonly LatentRef[]): boolean {
  return keyframes.length >= FEWEST_CORNERS && keyframes.length <= MOST_CORNERS;
}

/** The morph through the picked pictures: a path, or a pad with them at its corners. */
export function MorphStage({ view, change }: { view: View; change: ChangeView }) {
  const { t } = useTexts();
  const { source } = usePictures();
  const { morph: keyframes, easing, loop } = view;
  const morph = { keyframes, easing, loop };
  const frames = frameCount(morph, source.shape[1]);
  const strip = useQuery({
    queryKey: ["strip", source, morph],
    queryFn: ({ signal }) => fetchStrip(source, morph, frames, signal),
    enabled: keyframes.length > 1 && (view.pad === null || !canBePad(keyframes)),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
  const [first] = keyframes;
  if (keyframes.length < 2 && first !== undefined) {
    return (
      <>
        <div className="stage-frame">
          <MorphingPicture latent={first} label={t.picture(first)} />
        </div>
        <p className="prompt" role="status">
          {t.morphPick}
        </p>
        <Keyframes view={view} change={change} onSeek={ignore} />
      </>
    );
  }
  const shape = canBePad(keyframes) && (
    <Segments
      label={t.morph}
      choices={[
        { key: "path", text: t.path },
        { key: "pad", text: t.pad },
      ]}
      chosen={view.pad === null ? "path" : "pad"}
      onChoose={(chosen) => change({ pad: chosen === "pad" ? { x: 0.5, y: 0.5 } : null, at: null })}
    />
  );
  if (view.pad !== null && canBePad(keyframes)) {
    return (
      <>
        {shape}
        <PadStage view={view} change={change} at={view.pad} />
        <Keyframes view={view} change={change} onSeek={ignore} />
      </>
    );
  }
  return (
    <>
      {shape}
      {strip.data ? (
        <MorphPlayer strip={strip.data} view={view} change={change} />
      ) : (
        <div className="stage-frame waiting">
          {strip.error && (
            <p role="alert">
              {t.morphFailed}: <ErrorText error={strip.error} />
            </p>
          )}
        </div>
      )}
      <section className="section">
        <h3>{t.easing}</h3>
        <div className="row">
          <Segments
            label={t.easing}
            choices={EASINGS.map((name) => ({ key: name, text: t[`easing_${name}`] }))}
            chosen={easing}
            onChoose={(chosen) => change({ easing: chosen })}
          />
          <Switch
            className="switch"
            isSelected={loop}
            onChange={(selected) => change({ loop: selected })}
          >
            <span className="knob" />
            {t.loop}
          </Switch>
        </div>
        <p className="muted">{t[`easingHelp_${easing}`]}</p>
      </section>
      <MorphFiles view={view} frames={frames} />
    </>
  );
}
