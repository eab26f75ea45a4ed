import type { ReactNode } from "react";
import { type Playback, useReadout } from "./playback";
import { useLearnTexts } from "./texts";
import { useFixed } from "./useFixed";

const BALANCE = -2 * Math.LN2;

/** The minimax formula, its terms lit by the turn, with their values in the run. */
export function Formula({ playback }: { playback: Playback }) {
  const t = useLearnTexts();
  const fixed = useFixed();
  const { run, speed, playing } = useReadout(playback);
  const { logReal, logNotFake } = run.gan.reading;
  const alternates = playing && speed !== "turns";
  const ofPolice = alternates || run.player === "discriminator";
  const ofForger = alternates || run.player === "generator";
  const [opening, ...others] = t.formula;
  return (
    <>
      <p>{opening}</p>
      <figure className="formula">
        <div className="formula-line" role="math" aria-label={t.formulaLabel}>
          <Operator name="min" below="G" className={`forged ${ofForger ? "lit" : ""}`} />
          <Operator name="max" below="D" className={`real ${ofPolice ? "lit" : ""}`} />
          <Term className={ofPolice ? "lit" : ""} value={fixed(logReal, 3)}>
            <E under="x" />
            [log <b className="real">D</b>(<i>x</i>)]
          </Term>
          <span className="plus">+</span>
          <Term className={ofPolice || ofForger ? "lit" : ""} value={fixed(logNotFake, 3)}>
            <E under="z" />
            [log(1 − <b className="real">D</b>(<b className="forged">G</b>(<i>z</i>)))]
          </Term>
        </div>
        <dl className="formula-value">
          <dt>{t.value}</dt>
          <dd>{fixed(logReal + logNotFake, 3)}</dd>
          <dt>{t.balance}</dt>
          <dd>{fixed(BALANCE, 3)}</dd>
        </dl>
      </figure>
      {others.map((text) => (
        <p key={text}>{text}</p>
      ))}
    </>
  );
}

function Operator({ name, below, className }: { name: string; below: string; className: string }) {
  return (
    <span className={`operator ${className}`}>
      {name}
      <b>{below}</b>
    </span>
  );
}

function E({ under }: { under: string }) {
  return (
    <span className="expectation">
      𝔼<sub>{under}</sub>
    </span>
  );
}

function Term({
  className,
  value,
  children,
}: {
  className: string;
  value: string;
  children: ReactNode;
}) {
  return (
    <span className={`term ${className}`}>
      <span>{children}</span>
      <output>{value}</output>
    </span>
  );
}
