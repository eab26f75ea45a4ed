import { useSyncExternalStore } from "react";
import { storageKey } from "../state/storage";

const STORED = storageKey("key");
const listeners = new Set<() => void>();
let key = readStored();
let refused = false;

/** The key that requests carry, where the service needs one. */
export function currentKey(): string | null {
  return key;
}

export function setKey(value: string | null): void {
  key = value;
  refused = false;
  try {
    if (value === null) localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, value);
  } catch {
    // Without storage the key lasts as long as the page.
  }
  notify();
}

/** The service answered 401 to a request with the key `sent`: it needs a key, or another one. The
 * response to a request that was sent before another key was entered says nothing about that key. */
export function refuseKey(sent: string | null): void {
  if (refused || sent !== key) return;
  refused = true;
  notify();
}

export function useKey(): { key: string | null; needed: boolean } {
  const needed = useSyncExternalStore(subscribe, () => refused);
  return { key, needed };
}

function readStored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function notify(): void {
  for (const listener of listeners) listener();
}
