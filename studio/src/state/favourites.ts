import { useCallback, useSyncExternalStore } from "react";
import { isRef, type LatentRef } from "../pictures/latent";
import { storageKey } from "./storage";

const STORED = storageKey("favourites");
const NONE: readonly LatentRef[] = [];
const listeners = new Set<() => void>();
let favourites = read() ?? {};
let isWritable = true;

/** The favourite pictures of each model, which this browser keeps. The latest is the last. */
export function useFavourites(model: string): {
  favourites: readonly LatentRef[];
  toggle: (ref: LatentRef) => void;
} {
  const current = useSyncExternalStore(subscribe, () => favourites[model] ?? NONE);
  const toggle = useCallback(
    (ref: LatentRef) => {
      // Another tab may have written since.
      if (isWritable) favourites = read() ?? favourites;
      const before = favourites[model] ?? NONE;
      const after = before.includes(ref)
        ? before.filter((other) => other !== ref)
        : [...before, ref];
      favourites = { ...favourites, [model]: after };
      try {
        localStorage.setItem(STORED, JSON.stringify(favourites));
      } catch {
        isWritable = false; // they last as long as the page
      }
      tellListeners();
    },
    [model],
  );
  return { favourites: current, toggle };
}

/** What the browser keeps; null: it cannot be read. */
function read(): Record<string, readonly LatentRef[]> | null {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    const models = Object.entries(stored as Record<string, unknown>);
    return Object.fromEntries(
      models.map(([model, refs]) => [
        model,
        Array.isArray(refs) ? refs.map(String).filter(isRef) : [],
      ]),
    );
  } catch {
    return null;
  }
}

function tellListeners(): void {
  for (const listener of listeners) listener();
}

/** Follows what another tab wrote; the key is null when the storage was cleared. */
function onStorage({ key }: StorageEvent): void {
  if (key !== STORED && key !== null) return;
  favourites = read() ?? favourites;
  tellListeners();
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) window.addEventListener("storage", onStorage);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) window.removeEventListener("storage", onStorage);
  };
}
