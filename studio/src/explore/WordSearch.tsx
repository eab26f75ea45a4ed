import { useState } from "react";
import { Button, Form, Input, Label, TextField } from "react-aria-components";
import { useDirections } from "../api/directions";
import { useLatents } from "../api/queries";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { Picture } from "../pictures/Picture";
import type { ChangeView } from "../state/useView";
import { NO_SEARCH, type View } from "../state/view";
import { TagIcon, TuneIcon } from "../ui/icons";
import { findByWords, type Named } from "./words";

/** Finds what words name: saved latents, directions and classes. Enter takes the first. */
export function WordSearch({
  classes,
  view,
  change,
  onChosen,
}: {
  classes: readonly string[];
  view: View;
  change: ChangeView;
  onChosen: () => void;
}) {
  const { t } = useTexts();
  const { source } = usePictures();
  const latents = useLatents(source.model);
  const directions = useDirections(source.model);
  const [text, setText] = useState("");
  const named = findByWords(text, latents.data?.items ?? [], directions.data?.items ?? [], classes);
  const choose = ({ kind, name }: Named) => {
    const views: Record<Named["kind"], Partial<View>> = {
      latent: { ...NO_SEARCH, show: name, like: name, morph: [] },
      class: { ...NO_SEARCH, findClass: name, className: null, show: null },
      direction: { direction: name, show: view.show ?? String(view.from), morph: [] },
    };
    change(views[kind]);
    onChosen();
  };
  return (
    <Form
      className="word-search"
      onSubmit={(event) => {
        event.preventDefault();
        const [first] = named;
        if (first !== undefined) choose(first);
      }}
    >
      <TextField className="field" value={text} onChange={setText} autoFocus>
        <Label>{t.words}</Label>
        <Input placeholder={t.wordsHint} autoComplete="off" spellCheck="false" />
      </TextField>
      {named.length > 0 && (
        <ul aria-label={t.wordsFound}>
          {named.map((match) => (
            <li key={`${match.kind} ${match.name}`}>
              <Button className="option word" onPress={() => choose(match)}>
                {match.kind === "latent" && <Picture latent={match.name} />}
                {match.kind === "class" && <TagIcon />}
                {match.kind === "direction" && <TuneIcon />}
                <span className="word-name">
                  {match.name}
                  {match.detail && <small>{match.detail}</small>}
                </span>
                <small>{t[`named_${match.kind}`]}</small>
              </Button>
            </li>
          ))}
        </ul>
      )}
      <p className={text.trim() !== "" && named.length === 0 ? "muted" : "live"} role="status">
        {text.trim() === "" ? "" : named.length === 0 ? t.wordsNotFound(text.trim()) : ""}
      </p>
    </Form>
  );
}
