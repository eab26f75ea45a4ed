import { useCallback } from "react";
import type { Job } from "../../api/client";
import { useTexts } from "../../i18n";
import { useMetrics } from "../queries";
import type { Series } from "../series";
import { useTrainTexts } from "../texts";
import { CurveChart } from "./CurveChart";
import { hasProbabilities, type Line, lineOf, sigmoid } from "./curves";

const UNIT = [0, 1] as const;

/** Losses, judgement and accuracy of the discriminator, each with how it is read. */
export function CurvesPanel({ job, compared }: { job: Job; compared: Job | null }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const own = useMetrics(job.id).data;
  const other = useMetrics(compared?.id ?? null).data;
  const figure = useCallback((value: number) => n(value, 2), [n]);
  const percent = useCallback((value: number) => `${n(100 * value)} %`, [n]);
  const isProbable =
    hasProbabilities(job.config.loss) &&
    (compared === null || hasProbabilities(compared.config.loss));

  if (own === undefined || (own.images_seen?.length ?? 0) < 2) {
    return (
      <section className="panel-box" aria-labelledby="curves-title">
        <h2 id="curves-title">{t.curves}</h2>
        <p className="muted">{t.noCurves}</p>
      </section>
    );
  }
  const runs: { series: Series; isOther: boolean }[] = [{ series: own, isOther: false }];
  if (other !== undefined) runs.push({ series: other, isOther: true });
  const lines = (
    first: readonly [string, string],
    second: readonly [string, string] | null,
    of?: (value: number) => number,
  ): Line[] =>
    runs.flatMap(({ series, isOther }) => [
      lineOf(series, first[0], { label: first[1], tone: "first", isOther }, of),
      ...(second === null
        ? []
        : [lineOf(series, second[0], { label: second[1], tone: "second", isOther }, of)]),
    ]);
  return (
    <section className="panel-box curve-charts" aria-labelledby="curves-title">
      <div className="row">
        <h2 id="curves-title">{t.curves}</h2>
        {compared !== null && <span className="muted">{t.otherRun(compared.model ?? "")}</span>}
      </div>
      <CurveChart
        title={t.losses}
        help={t.lossesHelp}
        lines={lines(["generator_loss", t.generator], ["discriminator_loss", t.discriminator])}
        range={null}
        format={figure}
      />
      <CurveChart
        title={t.judgement}
        help={isProbable ? t.judgementHelp : t.judgementHelpRaw}
        lines={lines(
          ["discriminator_fake", t.fakeScore],
          ["discriminator_real", t.realScore],
          isProbable ? sigmoid : undefined,
        )}
        range={isProbable ? UNIT : null}
        format={figure}
      />
      <CurveChart
        title={t.accuracy}
        help={t.accuracyHelp}
        lines={lines(["discriminator_accuracy", t.discriminator], null)}
        range={UNIT}
        format={percent}
      />
    </section>
  );
}
