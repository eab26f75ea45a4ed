import { type RefObject, useEffect, useRef } from "react";
import { PARTS, type Part } from "./parts";

/** The band of the page in which a part counts as being read: below the run where that is above. */
const READ_BAND = { beside: "-30% 0px -65% 0px", below: "-45% 0px -50% 0px" };
const BESIDE = "(min-width: 1000px)"; // as in learn.css

/** The part that is read: it follows the scrolling, and the page follows the address. */
export function usePart(
  named: Part | null,
  onRead: (part: Part) => void,
): { part: Part; page: RefObject<HTMLElement | null> } {
  const page = useRef<HTMLElement>(null);
  const read = useRef<Part | null>(null);
  const report = useRef(onRead);
  report.current = onRead;

  useEffect(() => {
    if (named === null || named === read.current) return;
    read.current = named;
    page.current?.querySelector(`[data-part="${named}"]`)?.scrollIntoView();
  }, [named]);

  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          const part = PARTS.find((name) => name === (target as HTMLElement).dataset.part);
          if (!isIntersecting || part === undefined || part === read.current) continue;
          read.current = part;
          report.current(part);
        }
      },
      {
        root: page.current,
        rootMargin: matchMedia(BESIDE).matches ? READ_BAND.beside : READ_BAND.below,
      },
    );
    for (const section of page.current?.querySelectorAll("[data-part]") ?? []) {
      observer.observe(section);
    }
    return () => observer.disconnect();
  }, []);

  return { part: named ?? "story", page };
}
