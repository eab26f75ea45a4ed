import { useCallback, useEffect, useMemo } from "react";
import type { Model } from "../api/client";
import { useSearch } from "../api/queries";
import { useTexts } from "../i18n";
import type { Messages } from "../i18n/en";
import { PicturesOf } from "../pictures/context";
import { baseOf, isSeed, type LatentRef } from "../pictures/latent";
import { sourceOf } from "../pictures/source";
import { undo } from "../state/address";
import { useFavourites } from "../state/favourites";
import { useView } from "../state/useView";
import { MAX_KEYFRAMES } from "../state/view";
import { IconButton } from "../ui/controls";
import { CloseIcon, HeartIcon, NextIcon, PreviousIcon } from "../ui/icons";
import { CompareBar } from "./CompareBar";
import { CompareStage } from "./CompareStage";
import { FoundBar } from "./FoundBar";
import { Header } from "./Header";
import { MorphStage } from "./MorphStage";
import { PhotoDrop } from "./PhotoButton";
import { PhotoStage } from "./PhotoStage";
import { PictureStage } from "./PictureStage";
import { Shelf } from "./Shelf";
import { FoundWall, SeedWall } from "./Wall";
import { WipeOf } from "./Wipe";

/** The pictures of a model: a wall of them, and beside it what is open: a picture or a morph. */
export function Explore({ model, models }: { model: Model; models: readonly Model[] }) {
  const { t } = useTexts();
  const [view, change] = useView();
  const source = useMemo(
    () => sourceOf(model, view.checkpoint, view.truncation),
    [model, view.checkpoint, view.truncation],
  );
  const rival = useMemo(() => {
    const against = models.find(({ name }) => name === view.against);
    if (!against?.checkpoint) return null;
    return sourceOf(against, view.againstCheckpoint, view.truncation);
  }, [models, view.against, view.againstCheckpoint, view.truncation]);
  const { color, like, only } = view;
  const searched = only === null && (color !== null || like !== null);
  const search = useSearch(source, searched ? { color, like } : null);
  const found = useMemo(
    () => (searched ? (search.data?.items.map((item) => String(item.seed)) ?? []) : only),
    [searched, search.data, only],
  );
  const { favourites, toggle } = useFavourites(model.name);
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
  const showPhoto = useCallback(
    (name: LatentRef) => change({ photo: null, show: name }, { replace: true }),
    [change],
  );
  const close = useCallback(
    () =>
      change((before) => (before.morph.length > 0 ? { morph: [] } : { show: null, photo: null })),
    [change],
  );
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      if (event.key === "Escape") close();
      const inText = event.target instanceof HTMLInputElement && event.target.type !== "range";
      if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !inText) {
        event.preventDefault();
        undo(event.shiftKey ? 1 : -1);
      }
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
  const isOpen = picking || show !== null || view.photo !== null;
  const isFavourite = show !== null && favourites.includes(show);
  const title = picking ? t.morph : view.photo !== null ? t.photo : titleOf(base ?? "", t);
  const wall = {
    open: picking ? null : base,
    picked: view.morph,
    picking,
    onOpen: open,
    onPick: pick,
  };
  return (
    <PicturesOf source={source} rival={rival}>
      <WipeOf view={view} change={change}>
        <PhotoDrop change={change}>
          <main className={`explore ${isOpen ? "beside-stage" : ""}`}>
            <Header
              model={model}
              models={models}
              checkpoint={source.checkpoint}
              favourites={favourites}
              view={view}
              change={change}
            />
            <Shelf
              model={model.name}
              picked={view.morph}
              open={base}
              hint={!isOpen && found === null}
              onChoose={choose}
            />
            {view.against !== null && (
              <CompareBar
                source={source}
                rival={rival}
                models={models}
                view={view}
                change={change}
              />
            )}
            {found !== null && <FoundBar search={search} view={view} change={change} />}
            {found === null ? (
              <SeedWall
                key={source.model}
                {...wall}
                from={view.from}
                onScrolled={(from) => change({ from }, { replace: true })}
              />
            ) : (
              <FoundWall key={`${color} ${like} ${only === null}`} {...wall} refs={found} />
            )}
          </main>
        </PhotoDrop>
        {isOpen && (
          <aside className="stage" aria-label={title}>
            <div className="stage-head">
              <h2>{title}</h2>
              {!picking && show !== null && (
                <>
                  <IconButton
                    label={isFavourite ? t.removeFavourite : t.addFavourite}
                    className={isFavourite ? "favourite" : ""}
                    onPress={() => toggle(show)}
                  >
                    <HeartIcon filled={isFavourite} />
                  </IconButton>
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
                <>
                  {view.photo !== null && (
                    <PhotoStage key={view.photo} projection={view.photo} onFound={showPhoto} />
                  )}
                  {show !== null && rival !== null && (
                    <CompareStage
                      latent={show}
                      rival={rival}
                      onOpen={(of) =>
                        change({ model: of.model, checkpoint: of.checkpoint, against: null })
                      }
                    />
                  )}
                  {show !== null && rival === null && (
                    <PictureStage
                      latent={show}
                      onMorph={() => change({ morph: [show], at: null })}
                      onEdit={(edited) => change({ show: edited }, { replace: true })}
                      onLike={() => change({ like: show, color: null, only: null })}
                      onDeleted={() => change({ show: null })}
                    />
                  )}
                </>
              )}
            </div>
          </aside>
        )}
      </WipeOf>
    </PicturesOf>
  );
}

function titleOf(base: LatentRef, t: Messages): string {
  return isSeed(base) ? t.seedName(base) : base;
}
