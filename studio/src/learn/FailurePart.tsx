import { Switch } from "react-aria-components";
import { type Playback, useReadout } from "./playback";
import { useLearnTexts } from "./texts";
import type { Failure } from "./toy/names";
import { verdictOf } from "./toy/verdict";

/** A failure: its switch, what is seen, why it happens, and what Moggy does against it. */
export function FailurePart({
  failure,
  playback,
  isCurrent,
  isProvoked,
  onProvoke,
}: {
  failure: Failure;
  playback: Playback;
  /** Whether the run beside the text is that of this failure. */
  isCurrent: boolean;
  isProvoked: boolean;
  onProvoke: (provoked: boolean) => void;
}) {
  const t = useLearnTexts();
  return (
    <>
      <div className="failure-switch">
        <Switch className="switch" isSelected={isProvoked} onChange={onProvoke}>
          <span className="knob" />
          {t[`${failure}_switch`]}
        </Switch>
        {isCurrent && <Status failure={failure} playback={playback} />}
      </div>
      <dl className="failure-text">
        <dt>{t.seen}</dt>
        <dd>{t[`${failure}_seen`]}</dd>
        <dt>{t.why}</dt>
        <dd>{t[`${failure}_why`]}</dd>
        <dt>{t.remedy}</dt>
        <dd>
          {t[`${failure}_remedy`]} <span className="muted">{t.readMore}</span>
        </dd>
      </dl>
    </>
  );
}

/** Whether the run fails at this moment; read out when that changes. */
function Status({ failure, playback }: { failure: Failure; playback: Playback }) {
  const t = useLearnTexts();
  const verdict = verdictOf(failure, useReadout(playback).run);
  return (
    <p className={`failure-status ${verdict}`} role="status">
      {verdict === "waiting" ? t.status_waiting : t[`status_${failure}_${verdict}`]}
    </p>
  );
}
