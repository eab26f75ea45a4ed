import { Button } from "react-aria-components";
import { useTexts } from "../i18n";
import { Diagram } from "./Diagram";
import { type Playback, useReadout } from "./playback";
import { useLearnTexts } from "./texts";
import { useFixed } from "./useFixed";

/** The forger and the police, bound to the run: who learns at this moment is lit. */
export function Story({ playback }: { playback: Playback }) {
  const t = useLearnTexts();
  const { n } = useTexts();
  const { run, speed, playing } = useReadout(playback);
  const alternates = playing && speed !== "turns";
  const caption = alternates
    ? t.turnsAlternate(n(run.gan.steps))
    : run.player === null
      ? t.turnOfNobody
      : run.player === "discriminator"
        ? t.turnOfDiscriminator
        : t.turnOfGenerator;
  return (
    <>
      {t.story.slice(0, 2).map((text) => (
        <p key={text}>{text}</p>
      ))}
      <figure className="diagram">
        <Diagram player={alternates ? "both" : run.player} />
        <dl className="verdicts">
          <Verdict className="real" label={t.saysReal} value={run.gan.reading.real} />
          <Verdict className="forged" label={t.saysForged} value={run.gan.reading.fake} />
        </dl>
        <figcaption className="row">
          <span>{caption}</span>
          {alternates && (
            <Button
              className="button small"
              onPress={() => {
                playback.choose("turns");
                playback.play(true);
              }}
            >
              {t.watchTurns}
            </Button>
          )}
        </figcaption>
      </figure>
      {t.story.slice(2).map((text) => (
        <p key={text}>{text}</p>
      ))}
    </>
  );
}

/** The mean verdict on a pile, as a number and as a bar. */
function Verdict({ className, label, value }: { className: string; label: string; value: number }) {
  const fixed = useFixed();
  return (
    <div className={className}>
      <dt>{label}</dt>
      <dd>
        {fixed(value, 2)}
        <span className="verdict-bar">
          <span style={{ width: `${Number.isFinite(value) ? 100 * value : 0}%` }} />
        </span>
      </dd>
    </div>
  );
}
