import { useTexts } from "../../i18n";
import { type Metrics, realScore, scoreOf } from "../../scores/scores";
import { useTrainTexts } from "../texts";

/** Quality, variety and copies, each with what real pictures reach. */
export function Shares({ metrics }: { metrics: Metrics }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const percent = (value: number) => `${n(100 * value, value < 0.1 ? 1 : 0)} %`;
  const shares = [
    {
      name: t.precision,
      value: scoreOf(metrics, "precision"),
      real: realScore(metrics, "precision"),
    },
    { name: t.recall, value: scoreOf(metrics, "recall"), real: realScore(metrics, "recall") },
    { name: t.copies, value: scoreOf(metrics, "copy_rate"), real: null },
  ];
  return (
    <dl className="score-shares">
      {shares.map(({ name, value, real }) => {
        return (
          value !== null && (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="number">
                {percent(value)}
                {real !== null && <small className="muted">{t.atBest(percent(real))}</small>}
              </dd>
            </div>
          )
        );
      })}
    </dl>
  );
}
