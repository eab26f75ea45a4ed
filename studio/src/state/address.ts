import { useCallback, useMemo, useSyncExternalStore } from "react";

/** How a screen reads its state from the query of the address, and writes it. */
export interface Codec<State> {
  parse: (query: string) => State;
  format: (state: State) => string;
}

export type Change<State> = (
  change: Partial<State> | ((state: State) => Partial<State>),
  options?: NavigateOptions,
) => void;

export interface NavigateOptions {
  /** Without a step that the browser's Back returns from. */
  replace?: boolean;
  /** The control that is moved. Its changes within a second of each other are one step. */
  gesture?: string;
}

/** What the browser keeps of a step beside its address. */
interface Step {
  step: number;
  gesture?: string | undefined;
  time?: number;
}

const GESTURE_MS = 1000;

const listeners = new Set<() => void>();

function currentQuery(): string {
  return location.search;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

/** The step that is shown: its number is how many steps of the page's own lie behind it. */
function currentStep(): Step {
  return (history.state as Step | null) ?? { step: 0 };
}

/** Undoes the last step of the page, or repeats the one that was undone. */
export function undo(direction: -1 | 1): void {
  if (direction === 1 || currentStep().step > 0) history.go(direction);
}

/** Changes the query of the address, which is all of the page's state. */
export function navigate(query: string, options?: NavigateOptions): void {
  if (query === currentQuery()) return;
  // Relative to the document, whose base may be another one.
  const address = `${location.pathname}${query}`;
  const { step, gesture, time = 0 } = currentStep();
  const now = Date.now();
  if (options?.replace) {
    history.replaceState(history.state, "", address);
  } else if (
    options?.gesture !== undefined &&
    gesture === options.gesture &&
    now - time < GESTURE_MS
  ) {
    history.replaceState({ step, gesture, time: now } satisfies Step, "", address);
  } else {
    const next: Step = { step: step + 1, gesture: options?.gesture, time: now };
    history.pushState(next, "", address);
  }
  for (const listener of listeners) listener();
}

/** The query of the address, with its question mark. */
export function useAddress(): string {
  return useSyncExternalStore(subscribe, currentQuery);
}

/** The state of a screen, which its address names. `codec` must be a constant. */
export function useAddressState<State extends object>(codec: Codec<State>): [State, Change<State>] {
  const query = useAddress();
  const state = useMemo(() => codec.parse(query), [codec, query]);
  const change = useCallback<Change<State>>(
    (wanted, options) => {
      const before = codec.parse(currentQuery());
      const patch = typeof wanted === "function" ? wanted(before) : wanted;
      const next = codec.format({ ...before, ...patch });
      // An address may spell the same state in another way.
      if (next !== codec.format(before)) navigate(next, options);
    },
    [codec],
  );
  return [state, change];
}
