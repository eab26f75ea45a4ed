import { useEffect, useRef } from "react";
import { usePreferences } from "../../state/preferences";
import type { Playback } from "../playback";

/** A canvas that is drawn after each frame of the run, and when its size or its colours change. */
export function Canvas({
  playback,
  draw,
  className,
  label,
}: {
  playback: Playback;
  draw: (canvas: HTMLCanvasElement) => void;
  className: string;
  label: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [{ theme }] = usePreferences();

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the colours
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const redraw = () => draw(element);
    const sizes = new ResizeObserver(redraw);
    sizes.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", redraw);
    const stop = playback.onFrame(redraw);
    return () => {
      sizes.disconnect();
      scheme.removeEventListener("change", redraw);
      stop();
    };
  }, [playback, draw, theme]);

  return <canvas ref={canvas} className={className} role="img" aria-label={label} />;
}
