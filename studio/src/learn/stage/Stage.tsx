import { useCallback, useEffect, useRef, useState } from "react";
import { Switch } from "react-aria-components";
import { useTexts } from "../../i18n";
import { type Playback, useReadout } from "../playback";
import { useLearnTexts } from "../texts";
import type { Failure } from "../toy/names";
import { useFixed } from "../useFixed";
import { Canvas } from "./Canvas";
import { Controls } from "./Controls";
import { drawToy } from "./drawToy";
import { StageCurves } from "./StageCurves";

/** The run: the plane, what steers it, and its curves. */
export function Stage({
  playback,
  failure,
  seed,
  onSeed,
}: {
  playback: Playback;
  failure: Failure | null;
  seed: number;
  onSeed: (seed: number) => void;
}) {
  const t = useLearnTexts();
  const stage = useRef<HTMLElement>(null);
  const [arrows, setArrows] = useState(false);
  const drawn = arrows || failure === "vanishing";
  const trail = failure === "oscillation";
  const draw = useCallback(
    (canvas: HTMLCanvasElement) =>
      drawToy(canvas, playback.run, { arrows: drawn, trail, moving: playback.playing }),
    [playback, drawn, trail],
  );

  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) =>
      playback.setVisible(entry?.isIntersecting ?? true),
    );
    if (stage.current) observer.observe(stage.current);
    return () => observer.disconnect();
  }, [playback]);

  return (
    <aside ref={stage} className="toy-stage" aria-label={t.stage}>
      <div className="toy-frame">
        <Canvas playback={playback} draw={draw} className="toy-canvas" label={t.canvas} />
        <ul className="toy-legend">
          <li className="real">{t.legendReal}</li>
          <li className="forged">{t.legendForged}</li>
          <li className="field">
            0<span className="ramp" />1<span className="live">{t.legendField}</span>
          </li>
          {drawn && <li className="pull">{t.arrowsKey}</li>}
        </ul>
      </div>
      <div className="toy-side">
        <Controls playback={playback} seed={seed} onSeed={onSeed} />
        <div className="toy-numbers">
          <Numbers playback={playback} failure={failure} />
          <Switch className="switch" isSelected={drawn} onChange={setArrows}>
            <span className="knob" />
            {t.arrows}
          </Switch>
        </div>
        <StageCurves playback={playback} failure={failure} />
      </div>
    </aside>
  );
}

function Numbers({ playback, failure }: { playback: Playback; failure: Failure | null }) {
  const t = useLearnTexts();
  const { n } = useTexts();
  const fixed = useFixed();
  const { run } = useReadout(playback);
  const { covered, clusters, distance, offset } = run.quality();
  return (
    <dl className="toy-facts">
      <div>
        <dt>{t.rounds}</dt>
        <dd>{n(run.gan.steps)}</dd>
      </div>
      {clusters > 1 && (
        <div>
          <dt>{t.clusters}</dt>
          <dd data-covered={covered}>{t.clustersOf(n(covered), n(clusters))}</dd>
        </div>
      )}
      {failure === "oscillation" && offset !== null ? (
        <div>
          <dt>{t.offset}</dt>
          <dd>{fixed(offset, 2)}</dd>
        </div>
      ) : (
        <div>
          <dt>{t.distance}</dt>
          <dd>{fixed(distance, 2)}</dd>
        </div>
      )}
    </dl>
  );
}
