import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Slider, SliderThumb, SliderTrack } from "react-aria-components";
import { useTexts } from "../i18n";
import { drawScaled } from "../pictures/draw";
import { captionOf } from "../pictures/latent";
import { advance, frameAt } from "../pictures/morph";
import { StageCanvas } from "../pictures/StageCanvas";
import { FRAMES_PER_SECOND } from "../pictures/snippets";
import type { Strip } from "../pictures/strip";
import { usePreferences } from "../state/preferences";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { IconButton } from "../ui/controls";
import { PauseIcon, PlayIcon } from "../ui/icons";
import { Keyframes } from "./Keyframes";

/** Plays the frames, and shows those that the slider is dragged over. */
export function MorphPlayer({
  strip,
  view,
  change,
}: {
  strip: Strip;
  view: View;
  change: ChangeView;
}) {
  const { t } = useTexts();
  const [{ smooth }] = usePreferences();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [position, setPosition] = useState(view.at ?? 0);
  const direction = useRef<1 | -1>(1);
  const [dragging, setDragging] = useState(false);
  const playing = view.at === null && !dragging;
  const { frames, width, height } = strip;
  const frame = frameAt(position, frames);

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
        <StageCanvas
          ref={canvas}
          shape={[height, width]}
          label={`${t.morph}: ${view.morph.map(captionOf).join(" → ")}`}
          frame={frame}
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
        <span className="frame-number">{`${frame + 1} / ${frames}`}</span>
      </div>
      <Keyframes view={view} change={change} onSeek={seek} />
      <p className="muted">{t.morphPickMore}</p>
      <span className="live">{`${captionOf(first)} → ${captionOf(last)}`}</span>
    </>
  );
}
