import { useState } from "react";
import { Button, Dialog, DialogTrigger, Popover, Switch } from "react-aria-components";
import { useTexts } from "../i18n";
import { captionOf } from "../pictures/latent";
import type { ChangeView } from "../state/useView";
import { MAX_QUALITY, type View } from "../state/view";
import { Chooser, LabelledSlider } from "../ui/controls";
import { SearchIcon } from "../ui/icons";
import { WordSearch } from "./WordSearch";

const ANY = "";
const SWATCHES = [
  "#f4f1ea",
  "#c9c4bb",
  "#8c8a88",
  "#4d4a48",
  "#1c1a19",
  "#e0a458",
  "#c9702e",
  "#7a4a2b",
  "#b9a27c",
  "#6f7f91",
  "#7d8f5a",
  "#a65a5a",
] as const;

/** Chooses what the wall shows: by words, by colour, by likeness, by class and by quality, which
 * may all be combined. */
export function SearchPanel({
  classes,
  view,
  change,
}: {
  classes: readonly string[];
  view: View;
  change: ChangeView;
}) {
  const { t } = useTexts();
  return (
    <DialogTrigger>
      <Button className="button tool" aria-label={t.search}>
        <SearchIcon />
        <span className="wide-only">{t.search}</span>
      </Button>
      <Popover className="popover panel" placement="bottom end" offset={8}>
        <Dialog aria-label={t.search} className="dialog">
          {({ close }) => (
            <>
              <WordSearch classes={classes} view={view} change={change} onChosen={close} />
              <ColorChoice
                view={view}
                onChoose={(color) => {
                  change({ color, only: null, show: null });
                  close();
                }}
              />
              {view.show !== null && (
                <Switch
                  className="switch"
                  isSelected={view.like === view.show}
                  onChange={(isLike) => change({ like: isLike ? view.show : null, only: null })}
                >
                  <span className="knob" />
                  {t.likeOpen(captionOf(view.show))}
                </Switch>
              )}
              {classes.length > 0 && (
                <div className="row">
                  <span>{t.classLabel}</span>
                  <Chooser
                    label={t.classSearched}
                    choices={[
                      { key: ANY, text: t.anyClass },
                      ...classes.map((name) => ({ key: name, text: name })),
                    ]}
                    chosen={view.findClass ?? ANY}
                    onChoose={(name) =>
                      change({ findClass: name === ANY ? null : name, className: null, only: null })
                    }
                  />
                </div>
              )}
              <QualityChoice view={view} change={change} />
            </>
          )}
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function ColorChoice({ view, onChoose }: { view: View; onChoose: (color: string) => void }) {
  const { t } = useTexts();
  return (
    <section className="color-choice" aria-label={t.searchColor}>
      <h3>{t.searchColor}</h3>
      <div className="swatches">
        {SWATCHES.map((color) => (
          <Button
            key={color}
            className="swatch"
            aria-label={t.color(color)}
            style={{ background: color }}
            onPress={() => onChoose(color)}
          />
        ))}
      </div>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          onChoose(String(new FormData(event.currentTarget).get("color")));
        }}
      >
        <label className="own-color">
          <input type="color" name="color" defaultValue={view.color ?? "#c9702e"} />
          {t.ownColor}
        </label>
        <Button type="submit" className="button">
          {t.useColor}
        </Button>
      </form>
    </section>
  );
}

/** How good pictures must be. The wall follows when the slider is let go. */
function QualityChoice({ view, change }: { view: View; change: ChangeView }) {
  const { t } = useTexts();
  const [quality, setQuality] = useState<number | null>(null);
  return (
    <div>
      <LabelledSlider
        label={t.leaveOutPoor}
        value={quality ?? view.minQuality}
        minValue={0}
        maxValue={MAX_QUALITY}
        step={5}
        onChange={setQuality}
        onChangeEnd={(minQuality) => {
          setQuality(null);
          change({ minQuality, only: null });
        }}
      />
      <p className="muted">{t.leaveOutPoorHelp}</p>
    </div>
  );
}
