import { useCallback, useSyncExternalStore } from "react";
import { storageKey } from "./storage";

/** What belongs to the person and not to a link. */
export interface Preferences {
  theme: "system" | "dark" | "light";
  language: "en" | "ja";
  /** The model that was looked at last; null: none yet. */
  model: string | null;
  /** Whether enlarged pictures are smooth, or show their pixels as squares. */
  smooth: boolean;
  /** The width of the wall's pictures in CSS pixels. */
  tile: number;
}

export const TILE = { smallest: 64, usual: 120, largest: 240 };
const STORED = storageKey("preferences");
const listeners = new Set<() => void>();
let preferences = read();

function read(): Preferences {
  const usual: Preferences = {
    theme: "system",
    language: globalThis.navigator?.language.startsWith("ja") ? "ja" : "en",
    model: null,
    smooth: true,
    tile: TILE.usual,
  };
  try {
    return { ...usual, ...(JSON.parse(localStorage.getItem(STORED) ?? "{}") as object) };
  } catch {
    return usual;
  }
}

/** Marks the document with the theme and the language. */
export function applyPreferences(): void {
  const root = document.documentElement;
  root.lang = preferences.language;
  if (preferences.theme === "system") delete root.dataset.theme;
  else root.dataset.theme = preferences.theme;
}

export function usePreferences(): [Preferences, (change: Partial<Preferences>) => void] {
  const current = useSyncExternalStore(subscribe, () => preferences);
  const change = useCallback((changed: Partial<Preferences>) => {
    preferences = { ...preferences, ...changed };
    try {
      localStorage.setItem(STORED, JSON.stringify(preferences));
    } catch {
      // Without storage they last as long as the page.
    }
    applyPreferences();
    for (const listener of listeners) listener();
  }, []);
  return [current, change];
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
