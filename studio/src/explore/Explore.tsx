import { useCallback, useEffect, useMemo } from "react";
import type { Model } from "../api/client";
import { useSearch } from "../api/queries";
import { useTexts } from "../i18n";
import { PicturesOf } from "../pictures/context";
import { baseOf, isSeed, type LatentRef } from "../pictures/latent";
import type { PictureSource } from "../pictures/source";
import { useView } from "../state/useView";
import { MAX_KEYFRAMES } from "../state/view";
import { IconButton } from "../ui/controls";
import { CloseIcon, NextIcon, PreviousIcon } from "../ui/icons";
import { FoundBar } from "./FoundBar";
import { Header } from "./Header";
import { MorphStage } from "./MorphStage";
import { PictureStage } from "./PictureStage";
import { Shelf } from "./Shelf";
import { FoundWall, SeedWall } from "./Wall";

/** The pictures of a model: a wall of them, and beside it what is open: a picture or a morph. */
export function Explore({ model, models }: { model: Model; models: readonly Model[] }) {
  const { t } = useTexts();
  const [view, change] = useView();
  const checkpoint = view.checkpoint ?? model.checkpoint ?? "";
  const source = useMemo<PictureSource>(
    () => ({
      model: model.name,
      checkpoint,
      truncation: view.truncation,
      shape: shapeOf(model),
    }),
    [model, checkpoint, view.truncation],
  );
  const wanted = view.color !== null || view.like !== null;
  const search = useSearch(source, wanted ? { color: view.color, like: view.like } : null);
  const found = useMemo(
    () => (wanted ? (search.data?.items.map((item) => String(item.seed)) ?? []) : null),
    [wanted, search.data],
  );
  const picking = view.morph.length > 0;

  const open = useCallback(
    (ref: LatentRef) =>
      change(
        { show: ref, morph: [] },
        {
          replace: new URLSearchParams(location.search).has("show"),
        },
      ),
    [change],
  );
  const pick = useCallback(
    (ref: LatentRef) =>
      change((before) => ({
        morph: before.morph.includes(ref)
          ? before.morph.filter((other) => other !== ref)
          : [...before.morph, ref].slice(0, MAX_KEYFRAMES),
        at: null,
      })),
    [change],
  );
  const choose = useCallback(
    (ref: LatentRef) => (picking ? pick(ref) : open(ref)),
    [picking, pick, open],
  );
  const close = useCallback(
    () => change((before) => (before.morph.length > 0 ? { morph: [] } : { show: null })),
    [change],
  );
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) close();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [close]);

  const { show } = view;
  const base = show === null ? null : baseOf(show);
  const step = (by: 1 | -1): LatentRef | null => {
    if (base === null) return null;
    if (found !== null) return found[found.indexOf(base) + by] ?? null;
    return isSeed(base) && Number(base) + by >= 0 ? String(Number(base) + by) : null;
  };
  const [previous, next] = [step(-1), step(1)];
  const isOpen = picking || show !== null;
  const wall = {
    open: picking ? null : base,
    picked: view.morph,
    picking,
    onOpen: open,
    onPick: pick,
  };
  return (
    <PicturesOf source={source}>
      <main className={`explore ${isOpen ? "beside-stage" : ""}`}>
        <Header model={model} models={models} view={view} change={change} />
        <Shelf
          model={model.name}
          picked={view.morph}
          open={base}
          hint={!isOpen && !wanted}
          onChoose={choose}
        />
        {wanted && <FoundBar search={search} view={view} change={change} />}
        {found === null ? (
          <SeedWall
            key={source.model}
            {...wall}
            from={view.from}
            onScrolled={(from) => change({ from }, { replace: true })}
          />
        ) : (
          <FoundWall key={`${view.color} ${view.like}`} {...wall} refs={found} />
        )}
      </main>
      {isOpen && (
        <aside className="stage" aria-label={picking ? t.morph : t.picture(base ?? "")}>
          <div className="stage-head">
            <h2>{picking ? t.morph : base !== null && isSeed(base) ? t.seedName(base) : base}</h2>
            {!picking && (
              <>
                <IconButton
                  label={t.previous}
                  isDisabled={previous === null}
                  onPress={() => previous !== null && open(previous)}
                >
                  <PreviousIcon />
                </IconButton>
                <IconButton
                  label={t.next}
                  isDisabled={next === null}
                  onPress={() => next !== null && open(next)}
                >
                  <NextIcon />
                </IconButton>
              </>
            )}
            <IconButton label={t.close} onPress={close}>
              <CloseIcon />
            </IconButton>
          </div>
          <div className="stage-body">
            {picking ? (
              <MorphStage view={view} change={change} />
            ) : (
              show !== null && (
                <PictureStage
                  latent={show}
                  onMorph={() => change({ morph: [show], at: null })}
                  onEdit={(edited) => change({ show: edited }, { replace: true })}
                  onLike={() => change({ like: show, color: null })}
                  onDeleted={() => change({ show: null })}
                />
              )
            )}
          </div>
        </aside>
      )}
    </PicturesOf>
  );
}

function shapeOf(model: Model): readonly [number, number] {
  const shape = model.config?.shape;
  if (!Array.isArray(shape)) throw new Error(`model ${model.name} has no shape`);
  return [Number(shape[0]), Number(shape[1])];
}
