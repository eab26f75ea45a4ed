import { useEffect, useRef } from "react";
import type { Layer } from "./queries";

/** Some maps of a layer, in rows of `columns`, with a little space between them. */
export function MapSheet({
  layer,
  sheet,
  columns,
  most,
  label,
}: {
  layer: Layer;
  sheet: ImageBitmap | undefined;
  columns: number;
  most: number;
  label?: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const count = Math.min(most, layer.maps);
  const rows = Math.ceil(count / columns);
  // Small maps are enlarged by whole factors, so that their values stay squares.
  const scale = Math.max(1, Math.round(32 / layer.width));
  const gap = 2;
  const [width, height] = [layer.width * scale, layer.height * scale];

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || sheet === undefined) return;
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    for (let map = 0; map < count; map++) {
      context.drawImage(
        sheet,
        (map % layer.columns) * layer.width,
        Math.floor(map / layer.columns) * layer.height,
        layer.width,
        layer.height,
        (map % columns) * (width + gap),
        Math.floor(map / columns) * (height + gap),
        width,
        height,
      );
    }
  }, [sheet, layer, columns, count, width, height]);

  return (
    <canvas
      ref={canvas}
      className="map-sheet"
      width={columns * (width + gap) - gap}
      height={rows * (height + gap) - gap}
      {...(label === undefined ? { "aria-hidden": true } : { role: "img", "aria-label": label })}
    />
  );
}
