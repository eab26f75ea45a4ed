import { useEffect, useRef, useState } from "react";
import { Slider, SliderThumb, SliderTrack } from "react-aria-components";
import { advance } from "../pictures/morph";
import { IconButton } from "../ui/controls";
import { PauseIcon, PlayIcon } from "../ui/icons";
import { usePictures } from "./pictures";
import { formatNumber, t } from "./texts";

const SECONDS = 2.5; // from a picture to the next

/** Plays the morph, and shows the place that the slider is dragged to. */
export function Transport() {
  const { view, change } = usePictures();
  const [playing, setPlaying] = useState(
    () => view.at === 0 && !matchMedia("(prefers-reduced-motion: reduce)").matches,
  );
  const position = useRef(view.at);
  const direction = useRef<1 | -1>(1);
  const duration = SECONDS * (view.picks.length - 1);
  useEffect(() => {
    if (!playing) return;
    let last = performance.now();
    let request = requestAnimationFrame(function step(now) {
      const seconds = Math.max(0, now - last) / 1000;
      last = now;
      const next = advance(position.current, direction.current, seconds, duration, false);
      position.current = next.position;
      direction.current = next.direction;
      change({ at: next.position });
      request = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(request);
  }, [playing, duration, change]);
  const seek = (at: number) => {
    setPlaying(false);
    position.current = at;
    change({ at });
  };
  return (
    <div className="transport">
      <IconButton
        label={playing ? t.pause : t.play}
        className="play"
        onPress={() => setPlaying(!playing)}
      >
        {playing ? <PauseIcon /> : <PlayIcon />}
      </IconButton>
      <Slider
        className="scrubber"
        aria-label={t.position}
        minValue={0}
        maxValue={1}
        step={0.01}
        formatOptions={{ style: "percent" }}
        value={view.at}
        onChange={(value) => seek(Number(value))}
      >
        {({ state }) => (
          <SliderTrack className="track">
            <div className="fill" style={{ width: `${state.getThumbPercent(0) * 100}%` }} />
            <SliderThumb className="thumb" />
          </SliderTrack>
        )}
      </Slider>
      <output className="frame-number">{`${formatNumber(view.at * 100)} %`}</output>
    </div>
  );
}
