import { useTexts } from "../../i18n";
import { IconButton, Segments } from "../../ui/controls";
import { DiceIcon, PauseIcon, PlayIcon } from "../../ui/icons";
import { type Playback, SPEEDS, useReadout } from "../playback";
import { useLearnTexts } from "../texts";
import { RestartIcon, TurnIcon } from "./icons";

const SEEDS = 1000; // as many as can be typed again

/** Play, turn, restart, speed and seed. */
export function Controls({
  playback,
  seed,
  onSeed,
}: {
  playback: Playback;
  seed: number;
  onSeed: (seed: number) => void;
}) {
  const t = useLearnTexts();
  const { n } = useTexts();
  const { playing, speed } = useReadout(playback);
  return (
    <div className="toy-controls">
      <IconButton
        className="boxed"
        label={playing ? t.pause : t.play}
        onPress={() => playback.play(!playing)}
      >
        {playing ? <PauseIcon /> : <PlayIcon />}
      </IconButton>
      <IconButton label={t.nextTurn} onPress={() => playback.turn()}>
        <TurnIcon />
      </IconButton>
      <IconButton label={t.restart} onPress={() => playback.restart()}>
        <RestartIcon />
      </IconButton>
      <Segments
        label={t.speed}
        choices={SPEEDS.map((key) => ({ key, text: t[`speed_${key}`] }))}
        chosen={speed}
        onChoose={(chosen) => playback.choose(chosen)}
      />
      <span className="toy-seed">
        <span className="muted">
          {t.seed} <b className="number">{n(seed)}</b>
        </span>
        <IconButton label={t.anotherSeed} onPress={() => onSeed(Math.floor(Math.random() * SEEDS))}>
          <DiceIcon />
        </IconButton>
      </span>
    </div>
  );
}
