import { useState } from "react";
import {
  Button,
  Dialog,
  DialogTrigger,
  Form,
  Input,
  Popover,
  TextField,
} from "react-aria-components";
import type { Model } from "../api/client";
import { useCheckpoints } from "../api/queries";
import { useTexts } from "../i18n";
import { isSeed, type LatentRef } from "../pictures/latent";
import { classesOf } from "../pictures/source";
import { TILE, usePreferences } from "../state/preferences";
import type { ChangeView } from "../state/useView";
import { clampFrom, NO_SEARCH, type View } from "../state/view";
import { Chooser, IconButton, LabelledSlider, Segments } from "../ui/controls";
import { DiceIcon, HeartIcon, TeachIcon, TuneIcon } from "../ui/icons";
import { CompareButton } from "./CompareBar";
import { leaveModel } from "./comparison";
import { PhotoButton } from "./PhotoButton";
import { SearchPanel } from "./SearchPanel";

const SERVED = "served";
const ANY_CLASS = "";

/** Which model, which checkpoint, and where on the wall. */
export function Header({
  model,
  models,
  checkpoint,
  favourites,
  view,
  change,
}: {
  model: Model;
  models: readonly Model[];
  /** The one whose pictures are shown. */
  checkpoint: string;
  favourites: readonly LatentRef[];
  view: View;
  change: ChangeView;
}) {
  const { t, n } = useTexts();
  const usable = models.filter((other) => other.checkpoint !== null);
  const classes = classesOf(model);
  const checkpoints = useCheckpoints(model.name).data?.items ?? [];
  const seen = checkpoints.find(({ id }) => id === checkpoint)?.images_seen ?? model.images_seen;
  const config = model.config ?? {};
  const [height, width] = Array.isArray(config.shape) ? config.shape : ["?", "?"];
  // A search by a picture names what it found in the same way.
  const { only } = view;
  const isFavourites =
    only !== null && only.length > 0 && only.every((ref) => favourites.includes(ref));
  return (
    <header className="header">
      <div className="title">
        <h1>
          <Chooser
            label={t.model}
            className="title-chooser"
            choices={usable.map((other) => ({
              key: other.name,
              text: other.name,
              detail: n(other.images_seen ?? 0),
            }))}
            chosen={model.name}
            onChoose={(name) =>
              change((before) => ({
                ...leaveModel(before),
                ...NO_SEARCH,
                model: name,
                show: null,
                morph: [],
              }))
            }
          />
        </h1>
        <p className="muted">
          {t.modelFacts(
            `${width} × ${height}`,
            String(config.preset ?? config.architecture),
            n(seen ?? 0),
          )}
        </p>
      </div>
      <div className="tools">
        <Checkpoints model={model} view={view} change={change} />
        <ClassChooser classes={classes} model={model.name} view={view} change={change} />
        <SeedField view={view} change={change} />
        <IconButton
          label={t.surprise}
          className="boxed"
          onPress={() =>
            change({
              from: clampFrom(Math.random() * 2 ** 32),
              ...NO_SEARCH,
            })
          }
        >
          <DiceIcon />
        </IconButton>
        <IconButton
          label={t.favourites}
          className="boxed"
          onPress={() => change({ only: [...favourites].reverse() })}
        >
          <HeartIcon filled={isFavourites} />
        </IconButton>
        <PhotoButton change={change} />
        <CompareButton
          model={model}
          models={models}
          checkpoint={checkpoint}
          view={view}
          change={change}
        />
        <IconButton
          label={view.teach === null ? t.teachDirection : t.endTeaching}
          className={`boxed ${view.teach === null ? "" : "chosen"}`}
          onPress={() =>
            change(view.teach === null ? { teach: "more", morph: [] } : { teach: null })
          }
        >
          <TeachIcon />
        </IconButton>
        <SearchPanel classes={classes} view={view} change={change} />
        <Display view={view} change={change} />
      </div>
    </header>
  );
}

function Checkpoints({ model, view, change }: { model: Model; view: View; change: ChangeView }) {
  const { t, n } = useTexts();
  const checkpoints = useCheckpoints(model.name);
  const items = checkpoints.data?.items ?? [];
  if (items.length < 2) return null;
  return (
    <Chooser
      label={t.checkpoint}
      choices={[
        { key: SERVED, text: t.servedCheckpoint },
        ...items.map((checkpoint) => ({
          key: checkpoint.id,
          text: t.checkpointOption(n(checkpoint.images_seen), checkpoint.served),
          detail: checkpoint.id.slice(0, 8),
        })),
      ]}
      chosen={view.checkpoint ?? SERVED}
      onChoose={(id) => change({ checkpoint: id === SERVED ? null : id })}
    />
  );
}

/** The class of all pictures, where the model has classes. */
function ClassChooser({
  classes,
  model,
  view,
  change,
}: {
  classes: readonly string[];
  model: string;
  view: View;
  change: ChangeView;
}) {
  const { t } = useTexts();
  const { className } = view;
  if (className !== null && !classes.includes(className)) {
    return (
      <p className="no-class" role="alert">
        {t.noSuchClass(className, model)}
        <Button className="button" onPress={() => change({ className: null })}>
          {t.anyClass}
        </Button>
      </p>
    );
  }
  if (classes.length === 0) return null;
  return (
    <Chooser
      label={t.classLabel}
      choices={[
        { key: ANY_CLASS, text: t.classOfSeed },
        ...classes.map((name) => ({ key: name, text: name })),
      ]}
      chosen={className ?? ANY_CLASS}
      onChoose={(name) => change({ className: name === ANY_CLASS ? null : name, findClass: null })}
    />
  );
}

function SeedField({ view, change }: { view: View; change: ChangeView }) {
  const { t } = useTexts();
  const [text, setText] = useState("");
  return (
    <Form
      className="seed-field"
      onSubmit={(event) => {
        event.preventDefault();
        const seed = text.trim();
        if (!isSeed(seed)) return;
        change({
          from: clampFrom(Number(seed)),
          show: seed,
          morph: [],
          ...NO_SEARCH,
        });
        setText("");
      }}
    >
      <TextField aria-label={t.goToSeed} value={text} onChange={setText} className="field">
        <span className="prefix" aria-hidden="true">
          #
        </span>
        <Input
          inputMode="numeric"
          placeholder={String(view.from)}
          pattern="[0-9]{1,16}"
          maxLength={16}
          autoComplete="off"
        />
      </TextField>
    </Form>
  );
}

/** How the pictures look: truncation, size, and enlarged pixels. */
function Display({ view, change }: { view: View; change: ChangeView }) {
  const { t } = useTexts();
  const [{ smooth, tile }, prefer] = usePreferences();
  const [truncation, setTruncation] = useState<number | null>(null);
  return (
    <DialogTrigger>
      <Button className="button tool" aria-label={t.display}>
        <TuneIcon />
        <span className="wide-only">{t.display}</span>
      </Button>
      <Popover className="popover panel" placement="bottom end" offset={8}>
        <Dialog aria-label={t.display} className="dialog">
          <LabelledSlider
            label={t.truncation}
            value={truncation ?? view.truncation}
            minValue={0.1}
            maxValue={1}
            step={0.05}
            format={{ maximumFractionDigits: 2 }}
            onChange={setTruncation}
            onChangeEnd={(value) => {
              setTruncation(null);
              change({ truncation: value }, { gesture: "truncation" });
            }}
          />
          <p className="muted">{t.truncationHelp}</p>
          <LabelledSlider
            label={t.pictureSize}
            value={tile}
            minValue={TILE.smallest}
            maxValue={TILE.largest}
            step={8}
            onChange={(size) => prefer({ tile: size })}
          />
          <div className="row">
            <span>{t.scaling}</span>
            <Segments
              label={t.scaling}
              choices={[
                { key: "smooth", text: t.scalingSmooth },
                { key: "sharp", text: t.scalingSharp },
              ]}
              chosen={smooth ? "smooth" : "sharp"}
              onChoose={(chosen) => prefer({ smooth: chosen === "smooth" })}
            />
          </div>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
