import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { answeredUrl, request } from "../../api/client";
import { drawScaled } from "../../pictures/draw";
import { usePreferences } from "../../state/preferences";
import { useTrainTexts } from "../texts";
import type { Sample } from "./samples";

const SIDE = 1024; // of the canvas: sharp on a large screen
const FADE_MS = 220;

/** A sample grid. When another one is shown, the first fades into it. */
export function SampleGrid({ job, sample, label }: { job: string; sample: Sample; label: string }) {
  const t = useTrainTexts();
  const [{ smooth }] = usePreferences();
  const canvas = useRef<HTMLCanvasElement>(null);
  const { data, error } = useQuery({
    queryKey: ["grid", job, sample.images_seen],
    queryFn: async () => createImageBitmap(await (await request(answeredUrl(sample.url))).blob()),
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  });
  useEffect(() => {
    const element = canvas.current;
    if (element === null || data === undefined) return;
    return fadeTo(element, data, smooth);
  }, [data, smooth]);
  return (
    <>
      <canvas
        ref={canvas}
        width={SIDE}
        height={SIDE}
        className="sample-grid"
        role="img"
        aria-label={label}
        data-images={sample.images_seen}
      />
      {error !== null && (
        <p className="field-error" role="alert">
          {t.sampleFailed}
        </p>
      )}
    </>
  );
}

/** Draws a picture over what the canvas shows, more opaque with each frame. */
function fadeTo(canvas: HTMLCanvasElement, picture: ImageBitmap, smooth: boolean): () => void {
  const context = canvas.getContext("2d");
  if (context === null) return () => {};
  const height = Math.round((SIDE * picture.height) / picture.width);
  const isFirst = canvas.dataset.drawn === undefined || canvas.height !== height;
  if (canvas.height !== height) canvas.height = height;
  canvas.dataset.drawn = "true";
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const whole = { left: 0, top: 0, width: picture.width, height: picture.height };
  if (isFirst || still) {
    drawScaled(canvas, picture, whole, smooth);
    return () => {};
  }
  const next = document.createElement("canvas");
  next.width = canvas.width;
  next.height = canvas.height;
  drawScaled(next, picture, whole, smooth);
  const begun = performance.now();
  let before = 0;
  let frame = requestAnimationFrame(function draw(now) {
    const share = Math.min(1, Math.max(0, (now - begun) / FADE_MS));
    // Laid over each other, the layers add up to `share` of the new picture.
    context.globalAlpha = before >= 1 ? 1 : (share - before) / (1 - before);
    context.drawImage(next, 0, 0);
    context.globalAlpha = 1;
    before = share;
    if (share < 1) frame = requestAnimationFrame(draw);
  });
  return () => cancelAnimationFrame(frame);
}
