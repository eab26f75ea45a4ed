import { useEffect, useRef } from "react";

/** The picture of the wall that the Tab key leads to. */
export const REACHABLE_PICTURE = '#pictures [tabindex="0"]';

/** Lets the keyboard go on at the wall when the stage closes and takes away what had the focus. */
export function useWallFocus(isOpen: boolean): void {
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    const closed = wasOpen.current && !isOpen;
    wasOpen.current = isOpen;
    if (!closed || document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>(REACHABLE_PICTURE)?.focus({ preventScroll: true });
  }, [isOpen]);
}
