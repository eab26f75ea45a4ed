import { useState } from "react";
import {
  Button,
  FieldError,
  Form,
  Input,
  ListBox,
  ListBoxItem,
  TextField,
} from "react-aria-components";
import { baseOf, isSeed, type LatentRef, MAX_SEED } from "../pictures/latent";
import { IconButton } from "../ui/controls";
import { DiceIcon, NextIcon, PreviousIcon } from "../ui/icons";
import { usePictures } from "./pictures";
import { Thumbnail } from "./Thumbnail";
import { formatNumber, t } from "./texts";

const PAGE = 60;

/** The pictures to choose from: those with a name, and a page of seeds. */
export function Wall() {
  const { model, view, change } = usePictures();
  const { picks, active } = view;
  const { latents } = model.content;
  const choose = (ref: LatentRef, from = view.from) =>
    change({ picks: picks.map((pick, index) => (index === active ? ref : pick)), from });
  const first = Math.min(view.from, MAX_SEED - PAGE + 1);
  const seeds = Array.from({ length: PAGE }, (_, index) => String(first + index));
  const turn = (pages: number) =>
    change({ from: Math.min(Math.max(0, first + pages * PAGE), MAX_SEED - PAGE + 1) });
  return (
    <section className="play-wall" aria-label={t.pictures}>
      {latents.length > 0 && (
        <>
          <h2>{t.named}</h2>
          <Choice label={t.named} refs={latents.map(({ name }) => name)} onChoose={choose} named />
        </>
      )}
      <div className="row">
        <h2>{t.seeds}</h2>
        <div className="tools">
          <SeedField onGo={(seed) => choose(String(seed), seed)} />
          <IconButton
            label={t.dice}
            className="boxed"
            onPress={() => {
              const seed = Math.floor(Math.random() * (MAX_SEED + 1));
              choose(String(seed), seed);
            }}
          >
            <DiceIcon />
          </IconButton>
          <IconButton
            label={t.earlier}
            className="boxed"
            isDisabled={first === 0}
            onPress={() => turn(-1)}
          >
            <PreviousIcon />
          </IconButton>
          <IconButton
            label={t.later}
            className="boxed"
            isDisabled={first === MAX_SEED - PAGE + 1}
            onPress={() => turn(1)}
          >
            <NextIcon />
          </IconButton>
        </div>
      </div>
      <Choice label={t.seeds} refs={seeds} onChoose={choose} />
      <p className="muted number">{t.range(formatNumber(first), formatNumber(first + PAGE - 1))}</p>
    </section>
  );
}

/** Pictures of which one is chosen, with a click or with the arrow keys. */
function Choice({
  label,
  refs,
  onChoose,
  named = false,
}: {
  label: string;
  refs: readonly LatentRef[];
  onChoose: (ref: LatentRef) => void;
  named?: boolean;
}) {
  const { view } = usePictures();
  const chosen = baseOf(view.picks[view.active] ?? "");
  return (
    <ListBox
      aria-label={label}
      layout="grid"
      className={named ? "play-named" : "play-seeds"}
      items={refs.map((ref) => ({ id: ref }))}
      selectionMode="single"
      selectionBehavior="replace"
      selectedKeys={refs.includes(chosen) ? [chosen] : []}
      onSelectionChange={(keys) => {
        const [key] = [...keys];
        if (key !== undefined) onChoose(String(key));
      }}
    >
      {({ id }) => (
        <ListBoxItem
          className="play-choice"
          textValue={id}
          aria-label={named ? id : t.seedName(id)}
        >
          <Thumbnail latent={id} />
          <span className="play-caption" data-text={named ? id : shortSeed(id)} />
        </ListBoxItem>
      )}
    </ListBox>
  );
}

/** A seed as it fits below a small picture: of a long one the last digits, which differ. */
function shortSeed(seed: string): string {
  return seed.length > 9 ? `…${seed.slice(-6)}` : formatNumber(Number(seed));
}

function SeedField({ onGo }: { onGo: (seed: number) => void }) {
  const [text, setText] = useState("");
  const [isRefused, setRefused] = useState(false);
  return (
    <Form
      className="seed-field"
      onSubmit={(event) => {
        event.preventDefault();
        const seed = text.trim();
        setRefused(!isSeed(seed));
        if (isSeed(seed)) onGo(Number(seed));
      }}
    >
      <TextField
        aria-label={t.seed}
        value={text}
        isInvalid={isRefused}
        onChange={(value) => {
          setText(value);
          setRefused(false);
        }}
        className="field"
      >
        <span className="prefix" aria-hidden="true">
          #
        </span>
        <Input inputMode="numeric" placeholder={t.seed} maxLength={16} autoComplete="off" />
        <FieldError className="field-error">{t.badSeed(text, formatNumber(MAX_SEED))}</FieldError>
      </TextField>
      <Button type="submit" className="button">
        {t.go}
      </Button>
    </Form>
  );
}
