import { useCallback, useEffect, useMemo, useState } from "react";
import type { Model, NamedLatent } from "../api/client";
import { useRestoreLatent } from "../api/queries";
import { useTexts } from "../i18n";
import { PicturesOf } from "../pictures/context";
import { baseOf, isSeed, type LatentRef } from "../pictures/latent";
import { sourceOf } from "../pictures/source";
import { undo } from "../state/address";
import { useFavourites } from "../state/favourites";
import { useView } from "../state/useView";
import { MAX_KEYFRAMES, type Side, type View } from "../state/view";
import { UndoToast } from "../ui/UndoToast";
import { CompareBar } from "./CompareBar";
import { FoundBar } from "./FoundBar";
import { Header } from "./Header";
import { markExample, marksOf } from "./marks";
import { PhotoDrop } from "./PhotoButton";
import { Shelf } from "./Shelf";
import { Stage } from "./Stage";
import { useFound } from "./useFound";
import { useWallFocus } from "./useWallFocus";
import { FoundWall, SeedWall, WallError } from "./Wall";
import { WipeOf } from "./Wipe";

const TEXT_FIELD = "input:is([type=text], [type=search], :not([type]))";

/** The pictures of a model: a wall of them, and beside it what is open: a picture or a morph. */
export function Explore({ model, models }: { model: Model; models: readonly Model[] }) {
  const { t } = useTexts();
  const [view, change] = useView();
  const { className } = view;
  const source = useMemo(
    () => sourceOf(model, view.checkpoint, view.truncation, className),
    [model, view.checkpoint, view.truncation, className],
  );
  const rival = useMemo(() => {
    const against = models.find(({ name }) => name === view.against);
    if (!against?.checkpoint) return null;
    return sourceOf(against, view.againstCheckpoint, view.truncation, className);
  }, [models, view.against, view.againstCheckpoint, view.truncation, className]);
  const found = useFound(source, view);
  const { favourites, toggle } = useFavourites(model.name);
  const teaching = view.teach !== null;
  const picking = teaching || view.morph.length > 0;

  const { show } = view;
  const base = show === null ? null : baseOf(show);
  // A picture that was moved along a direction is a step to return to.
  const replace = show !== null && show === base;
  const open = useCallback(
    (ref: LatentRef) => change({ show: ref, morph: [] }, { replace }),
    [change, replace],
  );
  const pick = useCallback(
    (ref: LatentRef, side?: Side) =>
      change((before) => {
        if (before.teach !== null) return markExample(before, ref, side ?? before.teach);
        const morph = before.morph.includes(ref)
          ? before.morph.filter((other) => other !== ref)
          : [...before.morph, ref].slice(0, MAX_KEYFRAMES);
        return { morph, at: null };
      }),
    [change],
  );
  const choose = useCallback(
    (ref: LatentRef) => (picking ? pick(ref) : open(ref)),
    [picking, pick, open],
  );
  const close = useCallback(
    () =>
      change((before) => {
        if (before.teach !== null) return { teach: null };
        return before.morph.length > 0 ? { morph: [] } : { show: null, photo: null };
      }),
    [change],
  );
  const [deleted, setDeleted] = useState<NamedLatent | null>(null);
  const restore = useRestoreLatent(model.name);
  const { mutate: mutateRestore } = restore;
  const forgetDeleted = useCallback(() => setDeleted(null), []);
  const saveAgain = useCallback(() => {
    if (deleted === null) return;
    mutateRestore(deleted, {
      onSuccess: () => {
        setDeleted(null);
        change({ show: deleted.name });
      },
    });
  }, [deleted, mutateRestore, change]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const field = event.target instanceof HTMLInputElement ? event.target : null;
      const isText = field?.matches(TEXT_FIELD) ?? false;
      if (event.key === "Escape" && !(isText && field?.value)) close();
      const inText = field !== null && field.type !== "range";
      if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !inText) {
        event.preventDefault();
        if (deleted !== null && !event.shiftKey) saveAgain();
        else undo(event.shiftKey ? 1 : -1);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [close, deleted, saveAgain]);

  const step = (by: 1 | -1): LatentRef | null => {
    if (base === null) return null;
    if (found !== null) return found.refs[found.refs.indexOf(base) + by] ?? null;
    return isSeed(base) && Number(base) + by >= 0 ? String(Number(base) + by) : null;
  };
  const isOpen = picking || show !== null || view.photo !== null;
  useWallFocus(isOpen);
  const { teach, more, less, morph } = view;
  const marks = useMemo(() => marksOf({ teach, more, less, morph }), [teach, more, less, morph]);
  const wall = {
    open: picking ? null : base,
    marks,
    picking,
    side: view.teach,
    onOpen: open,
    onPick: pick,
  };
  return (
    <PicturesOf source={source} rival={rival}>
      <WipeOf view={view} change={change}>
        <PhotoDrop change={change}>
          <main className={`explore ${isOpen ? "beside-stage" : ""} ${picking ? "picking" : ""}`}>
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
              marks={marks}
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
            {found !== null && <FoundBar found={found} view={view} change={change} />}
            {!found?.error && <WallError view={view} change={change} />}
            {found === null ? (
              <SeedWall
                key={source.model}
                {...wall}
                from={view.from}
                onScrolled={(from) => change({ from }, { replace: true })}
              />
            ) : (
              <FoundWall key={foundKey(view)} {...wall} refs={found.refs} onEnd={found.more} />
            )}
          </main>
        </PhotoDrop>
        {isOpen && (
          <Stage
            view={view}
            change={change}
            rival={rival}
            previous={step(-1)}
            next={step(1)}
            isFavourite={show !== null && favourites.includes(show)}
            onOpen={open}
            onToggleFavourite={toggle}
            onDeleted={(latent) => {
              restore.reset();
              setDeleted(latent);
              change({ show: null, like: view.like === latent.name ? null : view.like });
            }}
            onClose={close}
          />
        )}
        {deleted !== null && (
          <UndoToast
            key={deleted.name}
            text={t.deletedName(deleted.name)}
            error={restore.error}
            isPending={restore.isPending}
            onUndo={saveAgain}
            onEnd={forgetDeleted}
          />
        )}
      </WipeOf>
    </PicturesOf>
  );
}

/** What differs for another search: the wall then begins at its top again. */
function foundKey({ color, like, findClass, minQuality, only, from }: View): string {
  return [color, like, findClass, minQuality, only === null ? from : "chosen"].join();
}
