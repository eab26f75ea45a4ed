import "./learn.css";
import "./story.css";
import "./stage/stage.css";
import "./digits/digits.css";
import "./layers/layers.css";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { Segments } from "../ui/controls";
import { ScreenLink } from "../ui/ScreenLink";
import { formatLearn, type LearnView, useLearnView } from "./address";
import { Digits } from "./digits/Digits";
import { FailurePart } from "./FailurePart";
import { Formula } from "./Formula";
import { Layers } from "./layers/Layers";
import { failureOf, PARTS, type Part } from "./parts";
import { Playback } from "./playback";
import { Story } from "./Story";
import { Stage } from "./stage/Stage";
import { useLearnTexts } from "./texts";
import { toySettings } from "./toy/experiments";
import { FAILURES, TARGETS } from "./toy/names";
import { usePart } from "./usePart";

/** GAN training explained on a run that goes on while one reads. */
export default function Learn() {
  const t = useLearnTexts();
  const [view, change] = useLearnView();
  const { part, page } = usePart(view.part, (next) => change({ part: next }, { replace: true }));
  const failure = failureOf(part);
  const isProvoked = failure !== null && view.provoke === failure;
  const settings = useMemo(
    () => toySettings(view.toySeed, view.target, failure, isProvoked),
    [view.toySeed, view.target, failure, isProvoked],
  );
  const playback = usePlayback(settings);

  return (
    <main ref={page} className="learn">
      <div className="chapter">
        <div className="prose">
          <header className="learn-header">
            <h1>{t.title}</h1>
            <p>{t.lead}</p>
          </header>
          <Contents part={part} view={view} />
          <Section part="story">
            <Story playback={playback} />
          </Section>
          <Section part="formula">
            <Formula playback={playback} />
          </Section>
          <Section part="toy">
            <p>{t.toy[0]}</p>
            <Segments
              label={t.target}
              choices={TARGETS.map((key) => ({ key, text: t[`target_${key}`] }))}
              chosen={view.target}
              onChoose={(target) => change({ target })}
            />
            <p>{t.toy[1]}</p>
          </Section>
          <section className="failures-lead">
            <h2>{t.failures}</h2>
            <p>{t.failuresLead}</p>
          </section>
          {FAILURES.map((name) => (
            <Section key={name} part={name}>
              <FailurePart
                failure={name}
                playback={playback}
                isCurrent={name === failure}
                isProvoked={view.provoke === name}
                onProvoke={(provoked) => {
                  change({ part: name, provoke: provoked ? name : null });
                  playback.play(true);
                }}
              />
            </Section>
          ))}
        </div>
        <Stage
          playback={playback}
          failure={failure}
          seed={view.toySeed}
          onSeed={(toySeed) => change({ toySeed })}
        />
      </div>
      <div className="chapter wide">
        <Section part="digits">
          <div className="columns">
            {t.digits.map((text) => (
              <p key={text}>{text}</p>
            ))}
          </div>
          <Digits />
        </Section>
        <Section part="layers">
          <div className="columns">
            {t.layers.map((text) => (
              <p key={text}>{text}</p>
            ))}
          </div>
          <Layers view={view} change={change} />
        </Section>
      </div>
    </main>
  );
}

function Section({ part, children }: { part: Part; children: ReactNode }) {
  const t = useLearnTexts();
  const Heading = failureOf(part) ? "h3" : "h2";
  return (
    <section id={`part-${part}`} className="part" data-part={part} aria-labelledby={`head-${part}`}>
      <Heading id={`head-${part}`} className="part-title">
        {t[`part_${part}`]}
      </Heading>
      {children}
    </section>
  );
}

/** The parts as links, which say where one is. */
function Contents({ part, view }: { part: Part; view: LearnView }) {
  const t = useLearnTexts();
  return (
    <nav className="contents" aria-label={t.contents}>
      {PARTS.map((name) => (
        <ScreenLink
          key={name}
          query={formatLearn({ ...view, part: name })}
          aria-current={name === part ? "true" : undefined}
        >
          {t[`part_${name}`]}
        </ScreenLink>
      ))}
    </nav>
  );
}

/** A run that plays from the beginning, unless the person prefers that nothing moves by itself. */
function usePlayback(settings: ReturnType<typeof toySettings>): Playback {
  const [playback] = useState(() => new Playback(settings));
  useEffect(() => {
    if (playback.run.settings !== settings) playback.restart(settings);
  }, [playback, settings]);
  useEffect(() => {
    playback.play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
    return () => playback.stop();
  }, [playback]);
  return playback;
}
