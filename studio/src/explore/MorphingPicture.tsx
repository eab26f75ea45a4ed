import { useEffect, useRef } from "react";
import { usePictures } from "../pictures/context";
import { drawScaled } from "../pictures/draw";
import { baseOf, type LatentRef } from "../pictures/latent";
import { frameAt } from "../pictures/morph";
import { StageCanvas } from "../pictures/StageCanvas";
import { fetchStrip } from "../pictures/strip";
import { usePreferences } from "../state/preferences";

const FRAMES = 12;
const WAIT_MS = 220; // for the frames; after it the picture changes at once
const PLAY_MS = 300;

/** The open picture. When another one is opened, the first turns into it. */
export function MorphingPicture({ latent, label }: { latent: LatentRef; label: string }) {
  const { store, source } = usePictures();
  const [{ smooth }] = usePreferences();
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = useRef<{ latent: LatentRef; source: object } | null>(null);
  const [height, width] = source.shape;

  useEffect(() => {
    const before = shown.current;
    shown.current = { latent, source };
    const element = canvas.current;
    if (element === null) return;
    const end = { forget: () => {}, stopped: false };
    const drawEnd = () => {
      end.forget = store.want(latent, (picture) => {
        if (picture === null || end.stopped) return;
        drawScaled(element, picture, { left: 0, top: 0, width, height }, smooth);
      });
    };
    const aborter = new AbortController();
    // A picture that is only moved along a direction follows at once.
    const isStep =
      before !== null && before.source === source && baseOf(before.latent) !== baseOf(latent);
    if (!isStep || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      drawEnd();
    } else {
      const timeout = setTimeout(() => {
        aborter.abort();
        drawEnd();
      }, WAIT_MS);
      const morph = { keyframes: [before.latent, latent], easing: "smooth", loop: false } as const;
      fetchStrip(source, morph, FRAMES, aborter.signal)
        .then((strip) => {
          clearTimeout(timeout);
          const began = performance.now();
          const draw = () => {
            if (aborter.signal.aborted) return;
            const position = Math.min(1, (performance.now() - began) / PLAY_MS);
            const left = frameAt(position, strip.frames) * width;
            drawScaled(element, strip.bitmap, { left, top: 0, width, height }, smooth);
            if (position < 1) requestAnimationFrame(draw);
          };
          draw();
        })
        .catch(() => {
          if (!aborter.signal.aborted) drawEnd();
        });
      aborter.signal.addEventListener("abort", () => clearTimeout(timeout));
    }
    return () => {
      end.stopped = true;
      end.forget();
      aborter.abort();
    };
  }, [store, source, latent, width, height, smooth]);

  return <StageCanvas ref={canvas} shape={source.shape} label={label} />;
}
