import { keepPreviousData, useQuery } from "@tanstack/react-query";
import {
  type KeyboardEvent,
  memo,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { Button, Slider, SliderThumb, SliderTrack, Switch } from "react-aria-components";
import { serviceUrl } from "../api/client";
import { useKey } from "../api/key";
import { useTexts } from "../i18n";
import { FEWEST_CORNERS, MOST_CORNERS } from "../pictures/blend";
import { usePictures } from "../pictures/context";
import { drawScaled } from "../pictures/draw";
import { baseOf, captionOf, type LatentRef } from "../pictures/latent";
import { advance, EASINGS, frameAt, frameCount } from "../pictures/morph";
import { Picture } from "../pictures/Picture";
import {
  curlCommand,
  FRAMES_PER_SECOND,
  fileName,
  MORPH_FORMATS,
  type MorphFormat,
  morphBody,
  morphPath,
} from "../pictures/snippets";
import { fetchStrip, type Strip } from "../pictures/strip";
import { usePreferences } from "../state/preferences";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { CopyRow } from "../ui/CopyRow";
import { IconButton, Segments } from "../ui/controls";
import { DownloadLinks } from "../ui/DownloadLinks";
import { CloseIcon, NextIcon, PauseIcon, PlayIcon, PreviousIcon, SwapIcon } from "../ui/icons";
import { MorphingPicture } from "./MorphingPicture";
import { PadStage } from "./PadStage";
import { type Scale, ScaleChoice } from "./ScaleChoice";
import { stageScale } from "./stageScale";

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
        <Player strip={strip.data} view={view} change={change} />
      ) : (
        <div className="stage-frame waiting">
          {strip.error && <p role="alert">{`${t.morphFailed}: ${strip.error.message}`}</p>}
        </div>
      )}
      <section className="section">
        <h3>{t.easing}</h3>
        <div className="row">
          <Segments
            label={t.easing}
            choices={EASINGS.map((name) => ({ key: name, text: t[`easing_${name}`] }))}
            chosen={easing}
            onChoose={(chosen) => change({ easing: chosen }, { replace: true })}
          />
          <Switch
            className="switch"
            isSelected={loop}
            onChange={(selected) => change({ loop: selected }, { replace: true })}
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

/** Plays the frames, and shows those that the slider is dragged over. */
function Player({ strip, view, change }: { strip: Strip; view: View; change: ChangeView }) {
  const { t } = useTexts();
  const [{ smooth }] = usePreferences();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [position, setPosition] = useState(view.at ?? 0);
  const direction = useRef<1 | -1>(1);
  const [dragging, setDragging] = useState(false);
  const playing = view.at === null && !dragging;
  const { frames, width, height } = strip;
  const frame = frameAt(position, frames);
  const scale = stageScale(width);

  useLayoutEffect(() => {
    if (canvas.current === null) return;
    drawScaled(
      canvas.current,
      strip.bitmap,
      { left: frame * width, top: 0, width, height },
      smooth,
    );
  }, [strip, frame, width, height, smooth]);

  const { loop } = view;
  useEffect(() => {
    if (!playing) return;
    const duration = frames / FRAMES_PER_SECOND;
    let last = performance.now();
    let request = requestAnimationFrame(function step(now) {
      const seconds = Math.max(0, now - last) / 1000;
      last = now;
      setPosition((current) => {
        const next = advance(current, direction.current, seconds, duration, loop);
        direction.current = next.direction;
        return next.position;
      });
      request = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(request);
  }, [playing, frames, loop]);

  const stay = (at: number) => change({ at }, { replace: true });
  const parts = view.morph.length - (loop ? 0 : 1);
  const seek = useCallback(
    (index: number) => {
      setPosition(index / parts);
      change({ at: index / parts }, { replace: true });
    },
    [change, parts],
  );
  const [first = "", last = ""] = [view.morph[0], view.morph.at(-1)];
  return (
    <>
      <div className="stage-frame">
        <canvas
          ref={canvas}
          width={width * scale}
          height={height * scale}
          className="stage-picture"
          role="img"
          aria-label={`${t.morph}: ${view.morph.map(captionOf).join(" → ")}`}
          data-frame={frame}
        />
      </div>
      <div className="transport">
        <IconButton
          label={playing ? t.pause : t.play}
          className="play"
          onPress={() => (playing ? stay(position) : change({ at: null }, { replace: true }))}
        >
          {playing ? <PauseIcon /> : <PlayIcon />}
        </IconButton>
        <Slider
          className="scrubber"
          aria-label={t.position}
          minValue={0}
          maxValue={frames - 1}
          step={1}
          value={frame}
          onChange={(value) => {
            setDragging(true);
            setPosition(Number(value) / (frames - 1));
          }}
          onChangeEnd={(value) => {
            setDragging(false);
            stay(Number(value) / (frames - 1));
          }}
        >
          {({ state }) => (
            <SliderTrack className="track">
              <div className="fill" style={{ width: `${state.getThumbPercent(0) * 100}%` }} />
              <SliderThumb className="thumb" />
            </SliderTrack>
          )}
        </Slider>
        <output className="frame-number">{`${frame + 1} / ${frames}`}</output>
      </div>
      <Keyframes view={view} change={change} onSeek={seek} />
      <p className="muted">{t.morphPickMore}</p>
      <span className="live">{`${captionOf(first)} → ${captionOf(last)}`}</span>
    </>
  );
}

/** The keyframes in their order: to seek, to move and to remove. */
const Keyframes = memo(function Keyframes({
  view,
  change,
  onSeek,
}: {
  view: View;
  change: ChangeView;
  onSeek: (index: number) => void;
}) {
  const { t } = useTexts();
  const { morph } = view;
  const [chosen, setChosen] = useState<number | null>(null);
  const set = (refs: readonly LatentRef[]) => change({ morph: refs, at: null });
  const move = (from: number, to: number) => {
    if (to < 0 || to >= morph.length) return;
    const refs = [...morph];
    refs.splice(to, 0, ...refs.splice(from, 1));
    setChosen(to);
    set(refs);
  };
  const onKeyDown = (event: KeyboardEvent, index: number) => {
    if (event.key === "Delete" || event.key === "Backspace") set(without(morph, index));
    else if (event.shiftKey && event.key === "ArrowLeft") move(index, index - 1);
    else if (event.shiftKey && event.key === "ArrowRight") move(index, index + 1);
    else return;
    event.preventDefault();
  };
  return (
    <div className="keyframes">
      <ol aria-label={t.keyframes}>
        {morph.map((ref, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a picture may be a keyframe twice
          <li key={`${index}-${ref}`}>
            <button
              type="button"
              className={`keyframe ${chosen === index ? "chosen" : ""}`}
              aria-label={t.keyframe(captionOf(ref), index + 1, morph.length)}
              onClick={() => {
                setChosen(index);
                onSeek(index);
              }}
              onKeyDown={(event) => onKeyDown(event, index)}
            >
              <Picture latent={ref} />
              <span>{captionOf(ref)}</span>
            </button>
          </li>
        ))}
        {morph.length === 1 && <li className="keyframe empty" aria-hidden="true" />}
      </ol>
      <div className="keyframe-tools">
        {chosen !== null && chosen < morph.length && (
          <>
            <IconButton label={t.moveEarlier} onPress={() => move(chosen, chosen - 1)}>
              <PreviousIcon />
            </IconButton>
            <IconButton label={t.moveLater} onPress={() => move(chosen, chosen + 1)}>
              <NextIcon />
            </IconButton>
            <IconButton label={t.remove} onPress={() => set(without(morph, chosen))}>
              <CloseIcon />
            </IconButton>
          </>
        )}
        {morph.length > 1 && (
          <Button className="button quiet" onPress={() => set([...morph].reverse())}>
            <SwapIcon />
            {t.reverse}
          </Button>
        )}
      </div>
    </div>
  );
});

function without(refs: readonly LatentRef[], index: number): LatentRef[] {
  return refs.filter((_, place) => place !== index);
}

function MorphFiles({ view, frames }: { view: View; frames: number }) {
  const { t } = useTexts();
  const { source } = usePictures();
  const { key } = useKey();
  const [{ smooth }] = usePreferences();
  const [scale, setScale] = useState<Scale>("4");
  const { morph: keyframes, easing, loop } = view;
  const morph = { keyframes, easing, loop };
  const enlargement = { scale: Number(scale), smooth };
  // The path of a morph has no place for the edits of single keyframes: these are sent as a body.
  const edited = keyframes.some((ref) => ref !== baseOf(ref));
  const address = (format: MorphFormat) =>
    serviceUrl(
      edited
        ? `/v1/models/${source.model}/interpolations`
        : morphPath(source, morph, frames, format, enlargement),
    );
  const body = (format: MorphFormat) =>
    edited ? morphBody(source, morph, frames, format, enlargement) : undefined;
  return (
    <section className="section">
      <h3>{t.exportAs}</h3>
      <div className="row">
        <DownloadLinks
          formats={MORPH_FORMATS}
          address={address}
          body={body}
          file={(format) => fileName(source, keyframes, format)}
        />
        <ScaleChoice scale={scale} onChoose={setScale} />
      </div>
      <h3>{t.copy}</h3>
      <CopyRow
        texts={[
          ...(edited ? [] : [{ label: t.copyUrl, text: () => address("webp") }]),
          {
            label: t.copyCurl,
            text: () =>
              curlCommand(
                address("webp"),
                fileName(source, keyframes, "webp"),
                key !== null,
                body("webp"),
              ),
          },
          { label: t.copyLink, text: () => location.href },
        ]}
      />
    </section>
  );
}
