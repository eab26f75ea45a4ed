import { useEffect, useState } from "react";
import { Slider, SliderThumb, SliderTrack } from "react-aria-components";
import type { Job } from "../../api/client";
import { serviceUrl } from "../../api/client";
import { useSamples } from "../../api/jobs";
import { pathOf } from "../../api/paths";
import { useTexts } from "../../i18n";
import type { Change } from "../../state/address";
import { usePreferences } from "../../state/preferences";
import { IconButton, Segments } from "../../ui/controls";
import { DownloadLinks } from "../../ui/DownloadLinks";
import { PauseIcon, PlayIcon } from "../../ui/icons";
import type { TrainState } from "../address";
import { useTrainTexts } from "../texts";
import { SampleGrid } from "./SampleGrid";
import { type Sample, sampleAt, settle } from "./samples";

const FRAME_MS = 160;

/** The sample grids from the first to the newest; those of another training beside them, after as
 * many images. */
export function SamplesPanel({
  job,
  compared,
  state,
  change,
}: {
  job: Job;
  compared: Job | null;
  state: TrainState;
  change: Change<TrainState>;
}) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const samples = useSamples(job.id).data ?? [];
  const others = useSamples(compared?.id ?? null).data ?? [];
  const shown = sampleAt(samples, state.at);
  if (shown === null) {
    return (
      <section className="samples-panel" aria-label={t.samples}>
        <div className="sample-stage empty">
          <p className="muted">{t.noSamples}</p>
        </div>
      </section>
    );
  }
  const other = sampleAt(others, shown.images_seen);
  const last = samples.at(-1)?.images_seen ?? 0;
  const show = (images: number) =>
    change({ at: images >= last ? null : images }, { replace: true });
  return (
    <section className="samples-panel" aria-label={t.samples}>
      <div className={other === null ? "sample-stage" : "sample-stage two"}>
        <Caption job={job} sample={shown} isNamed={compared !== null} />
        {compared !== null && other !== null && <Caption job={compared} sample={other} isNamed />}
      </div>
      <Scrubber samples={samples} shown={shown.images_seen} onShow={show} />
      <p className="live" role="status">
        {state.at === null ? "" : t.afterImages(n(shown.images_seen))}
      </p>
      <div className="row">
        <span className="film">
          {t.film}
          <DownloadLinks
            formats={["webp", "mp4"]}
            address={(format) =>
              serviceUrl(pathOf("/v1/jobs/{job_id}/timelapse.{format}", { job_id: job.id, format }))
            }
            file={(format) => `${job.model}-${job.id.slice(0, 6)}.${format}`}
          />
        </span>
        <Scaling />
      </div>
    </section>
  );
}

/** Whether enlarged pixels are smooth or sharp. */
function Scaling() {
  const { t } = useTexts();
  const [{ smooth }, prefer] = usePreferences();
  return (
    <Segments
      label={t.scaling}
      choices={[
        { key: "smooth", text: t.scalingSmooth },
        { key: "sharp", text: t.scalingSharp },
      ]}
      chosen={smooth ? "smooth" : "sharp"}
      onChoose={(chosen) => prefer({ smooth: chosen === "smooth" })}
    />
  );
}

function Caption({ job, sample, isNamed }: { job: Job; sample: Sample; isNamed: boolean }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const images = n(sample.images_seen);
  return (
    <figure>
      <SampleGrid job={job.id} sample={sample} label={t.sampleGrid(job.model ?? "", images)} />
      <figcaption className="muted number">
        {isNamed && `${job.model} · `}
        {t.afterImages(images)}
      </figcaption>
    </figure>
  );
}

/** The slider over the history, which can also play it. */
function Scrubber({
  samples,
  shown,
  onShow,
}: {
  samples: readonly Sample[];
  shown: number;
  onShow: (images: number) => void;
}) {
  const t = useTrainTexts();
  const [isPlaying, setPlaying] = useState(false);
  const first = samples[0]?.images_seen ?? 0;
  const last = samples.at(-1)?.images_seen ?? 0;
  const next = samples.find((sample) => sample.images_seen > shown);
  useEffect(() => {
    if (!isPlaying) return;
    if (next === undefined) {
      setPlaying(false);
      return;
    }
    const timer = setTimeout(() => onShow(next.images_seen), FRAME_MS);
    return () => clearTimeout(timer);
  }, [isPlaying, next, onShow]);
  if (samples.length < 2) return null;
  const share = (100 * (shown - first)) / (last - first);
  return (
    <div className="history">
      <IconButton
        label={isPlaying ? t.stop : t.play}
        className="boxed"
        onPress={() => {
          if (!isPlaying && shown >= last) onShow(first);
          setPlaying(!isPlaying);
        }}
      >
        {isPlaying ? <PauseIcon /> : <PlayIcon />}
      </IconButton>
      <Slider
        aria-label={t.history}
        className="slider"
        value={shown}
        minValue={first}
        maxValue={last}
        step={1}
        onChange={(value) => {
          setPlaying(false);
          onShow(settle(samples, shown, value));
        }}
      >
        <SliderTrack className="track">
          <div className="fill" style={{ width: `${share}%` }} />
          <SliderThumb className="thumb" />
        </SliderTrack>
      </Slider>
    </div>
  );
}
