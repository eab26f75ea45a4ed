import { useCallback, useSyncExternalStore } from "react";
import { formatView, parseView, type View } from "./view";

type Change = Partial<View> | ((view: View) => Partial<View>);
/** Changes the view. `replace`: without a step that the browser's Back returns from. */
export type ChangeView = (change: Change, options?: { replace?: boolean }) => void;

const listeners = new Set<() => void>();
let query = location.search;
let view = parseView(query);

function current(): View {
  if (location.search !== query) {
    query = location.search;
    view = parseView(query);
  }
  return view;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

/** How many steps of the page's own lie behind the view. */
function stepOf(): number {
  return (history.state as { step: number } | null)?.step ?? 0;
}

/** Undoes the last step of the page, or repeats the one that was undone. */
export function undo(direction: -1 | 1): void {
  if (direction === 1 || stepOf() > 0) history.go(direction);
}

/** The view that the address names. */
export function useView(): [View, ChangeView] {
  const shown = useSyncExternalStore(subscribe, current);
  const change = useCallback<ChangeView>((wanted, options) => {
    const before = current();
    const patch = typeof wanted === "function" ? wanted(before) : wanted;
    const next = formatView({ ...before, ...patch });
    if (next === formatView(before)) return;
    // Relative to the document, whose base may be another one.
    const address = `${location.pathname}${next}`;
    if (options?.replace) history.replaceState(history.state, "", address);
    else history.pushState({ step: stepOf() + 1 }, "", address);
    for (const listener of listeners) listener();
  }, []);
  return [shown, change];
}
