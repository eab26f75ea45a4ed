import type { Model } from "../api/client";
import { useCheckpoints } from "../api/queries";
import { useTexts } from "../i18n";
import type { PictureSource } from "../pictures/source";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { Chooser, IconButton, Segments } from "../ui/controls";
import { CloseIcon, CompareIcon, SwapIcon } from "../ui/icons";
import { firstRival, leaveModel } from "./comparison";
import { WipeSlider } from "./Wipe";

/** Begins or ends a comparison, where there is a second checkpoint or a second model. */
export function CompareButton({
  model,
  models,
  checkpoint,
  view,
  change,
}: {
  model: Model;
  models: readonly Model[];
  checkpoint: string;
  view: View;
  change: ChangeView;
}) {
  const { t } = useTexts();
  const checkpoints = useCheckpoints(model.name);
  const rival = firstRival(model, checkpoint, checkpoints.data?.items ?? [], models);
  if (view.against === null && rival === null) return null;
  return (
    <IconButton
      label={view.against === null ? t.compare : t.endComparison}
      className={`boxed ${view.against === null ? "" : "chosen"}`}
      onPress={() => change(view.against === null ? { ...rival, morph: [] } : { against: null })}
    >
      <CompareIcon />
    </IconButton>
  );
}

/** What is compared: the left side, the divider, and the right side, which is chosen here. */
export function CompareBar({
  source,
  rival,
  models,
  view,
  change,
}: {
  source: PictureSource;
  rival: PictureSource | null;
  models: readonly Model[];
  view: View;
  change: ChangeView;
}) {
  const { t } = useTexts();
  const usable = models.filter((model) => model.checkpoint !== null);
  return (
    <section className="compare-bar" aria-label={t.comparison}>
      <Side side={t.left} source={source} />
      <WipeSlider label={t.wipe} />
      {rival !== null ? (
        <Side side={t.right} source={rival}>
          <Chooser
            label={t.comparedModel}
            choices={usable.map(({ name }) => ({ key: name, text: name }))}
            chosen={rival.model}
            onChoose={(name) => change({ against: name, againstCheckpoint: null })}
          />
          <ComparedCheckpoint rival={rival} change={change} />
        </Side>
      ) : (
        <p role="alert">{t.noSuchModel(view.against ?? "")}</p>
      )}
      <div className="compare-tools">
        <Segments
          label={t.wipeOver}
          choices={[
            { key: "each", text: t.wipeEach },
            { key: "wall", text: t.wipeWhole },
          ]}
          chosen={view.wipeWall ? "wall" : "each"}
          onChoose={(chosen) => change({ wipeWall: chosen === "wall" }, { replace: true })}
        />
        <IconButton
          label={t.swapSides}
          isDisabled={rival === null}
          onPress={() =>
            change((before) => ({
              ...(rival?.model === source.model ? {} : leaveModel(before)),
              model: rival?.model ?? null,
              checkpoint: rival?.checkpoint ?? null,
              against: source.model,
              againstCheckpoint: source.checkpoint,
            }))
          }
        >
          <SwapIcon />
        </IconButton>
        <IconButton label={t.endComparison} onPress={() => change({ against: null })}>
          <CloseIcon />
        </IconButton>
      </div>
    </section>
  );
}

function Side({
  side,
  source,
  children,
}: {
  side: string;
  source: PictureSource;
  children?: React.ReactNode;
}) {
  const { t, n } = useTexts();
  const images = useImagesSeen(source);
  return (
    <div className="compare-side">
      <span className="side-name">{side}</span>
      {children ?? <strong>{source.model}</strong>}
      <span className="muted">{images === null ? "…" : t.checkpointOption(n(images), false)}</span>
    </div>
  );
}

function ComparedCheckpoint({ rival, change }: { rival: PictureSource; change: ChangeView }) {
  const { t, n } = useTexts();
  const items = useCheckpoints(rival.model).data?.items ?? [];
  if (items.length < 2) return null;
  return (
    <Chooser
      label={t.comparedCheckpoint}
      choices={items.map(({ id, images_seen: images, served }) => ({
        key: id,
        text: t.checkpointOption(n(images), served),
        detail: id.slice(0, 8),
      }))}
      chosen={rival.checkpoint}
      onChoose={(id) => change({ againstCheckpoint: id })}
    />
  );
}

/** The images that a checkpoint has seen; null until they are known. */
export function useImagesSeen(source: PictureSource): number | null {
  const checkpoints = useCheckpoints(source.model);
  const found = checkpoints.data?.items.find(({ id }) => id === source.checkpoint);
  return found?.images_seen ?? null;
}
