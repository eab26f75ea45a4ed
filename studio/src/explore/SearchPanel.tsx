import { useState } from "react";
import { Button, Dialog, DialogTrigger, FileTrigger, Popover, Switch } from "react-aria-components";
import { usePictureSearch } from "../api/search";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { captionOf } from "../pictures/latent";
import type { ChangeView } from "../state/useView";
import { MAX_QUALITY, NO_SEARCH, type View } from "../state/view";
import { Chooser, LabelledSlider } from "../ui/controls";
import { PhotoIcon, SearchIcon } from "../ui/icons";
import { IndexProgress } from "./IndexProgress";
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
              <PictureSearch view={view} change={change} onFound={close} />
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

/** Searches for the samples nearest to a picture that is uploaded. The address cannot carry it, so it
 * names what was found. */
function PictureSearch({
  view,
  change,
  onFound,
}: {
  view: View;
  change: ChangeView;
  onFound: () => void;
}) {
  const { t } = useTexts();
  const { source } = usePictures();
  const search = usePictureSearch(source);
  const find = (picture: File | undefined) => {
    if (picture === undefined) return;
    const show = ({ items }: { items: readonly { seed: number }[] }) => {
      change({ ...NO_SEARCH, only: items.map(({ seed }) => String(seed)) });
      onFound();
    };
    search.mutate({ picture, search: view }, { onSuccess: show });
  };
  return (
    <div className="picture-search">
      <FileTrigger acceptedFileTypes={["image/*"]} onSelect={(files) => find(files?.[0])}>
        <Button className="button" isDisabled={search.isPending}>
          <PhotoIcon />
          {t.likeYours}
        </Button>
      </FileTrigger>
      {search.isPending && <progress aria-label={t.loading} />}
      {search.error && (
        <IndexProgress error={search.error} onIndexed={() => find(search.variables?.picture)} />
      )}
    </div>
  );
}
