import { useCallback, useSyncExternalStore } from "react";
import { isRef, type LatentRef } from "../pictures/latent";

const STORED = "moggy.favourites";
const NONE: readonly LatentRef[] = [];
const listeners = new Set<() => void>();
let favourites = read();

/** The favourite pictures of each model, which this browser keeps. The latest is the last. */
export function useFavourites(model: string): {
  favourites: readonly LatentRef[];
  toggle: (ref: LatentRef) => void;
} {
  const current = useSyncExternalStore(subscribe, () => favourites[model] ?? NONE);
  const toggle = useCallback(
    (ref: LatentRef) => {
      const before = favourites[model] ?? NONE;
      const after = before.includes(ref)
        ? before.filter((other) => other !== ref)
        : [...before, ref];
      favourites = { ...favourites, [model]: after };
      try {
        localStorage.setItem(STORED, JSON.stringify(favourites));
      } catch {
        // Without storage they last as long as the page.
      }
      for (const listener of listeners) listener();
    },
    [model],
  );
  return { favourites: current, toggle };
}

function read(): Record<string, readonly LatentRef[]> {
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
    return {};
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
