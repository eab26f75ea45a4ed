import { useMemo } from "react";
import { type Playback, useReadout } from "../playback";
import { useLearnTexts } from "../texts";
import type { Failure } from "../toy/names";
import { type Curve, Curves } from "./Curves";

const GUESSING = [0.5];
const GUESSING_LOSSES = [Math.LN2, 2 * Math.LN2]; // of the forger and of the police

/** The curves of the run: the losses, and beside them what tells most about its failure. */
export function StageCurves({
  playback,
  failure,
}: {
  playback: Playback;
  failure: Failure | null;
}) {
  const t = useLearnTexts();
  useReadout(playback);
  const curves = useMemo(
    () => ({
      losses: [
        {
          label: t.ofDiscriminator,
          ink: "real",
          points: (run) => run.curves.discriminatorLoss.points,
        },
        { label: t.ofGenerator, ink: "forged", points: (run) => run.curves.generatorLoss.points },
      ] satisfies Curve[],
      verdicts: [
        { label: t.legendReal, ink: "real", points: (run) => run.curves.real.points },
        { label: t.legendForged, ink: "forged", points: (run) => run.curves.fake.points },
      ] satisfies Curve[],
      gradient: [
        { label: t.minimaxLoss, ink: "forged", points: (run) => run.curves.minimax.points },
        {
          label: t.nonSaturatingLoss,
          ink: "text",
          points: (run) => run.curves.nonSaturating.points,
        },
      ] satisfies Curve[],
      quality: [
        { label: t.now, ink: "text", points: (run) => run.curves.distance.points },
      ] satisfies Curve[],
    }),
    [t],
  );
  return (
    <div className="toy-curves">
      <Curves
        playback={playback}
        title={t.losses}
        curves={curves.losses}
        low={0}
        high={2}
        references={GUESSING_LOSSES}
      />
      {failure === "vanishing" ? (
        <Curves
          playback={playback}
          title={t.gradient}
          curves={curves.gradient}
          low={-4}
          high={1}
          digits={1}
        />
      ) : failure === "loss" ? (
        <Curves playback={playback} title={t.distance} curves={curves.quality} low={0} high={0.4} />
      ) : (
        <Curves
          playback={playback}
          title={t.verdicts}
          curves={curves.verdicts}
          low={0}
          high={1}
          references={GUESSING}
        />
      )}
    </div>
  );
}
