import { useEffect, useRef } from "react";
import { PadArea } from "../ui/PadArea";
import { blend, cornerWeights, truncate } from "./latents";
import { usePictures } from "./pictures";
import { Thumbnail } from "./Thumbnail";
import { formatNumber, t } from "./texts";

const SHEET = 7; // pictures of each side
const CORNERS = 4;

/** The square between the corners, with a dot where the picture is. The third of three corners is
 * the whole edge at the bottom; two are the ends of a line. */
export function Pad() {
  const { view, change } = usePictures();
  const { picks, place } = view;
  const corners = [...picks, ...picks.slice(picks.length === 2 ? 0 : -1)].slice(0, CORNERS);
  return (
    <div className="pad">
      {corners.map((ref, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a picture may be two corners
        <div key={`${index}-${ref}`} className={`corner corner-${index + 1}`}>
          <Thumbnail latent={ref} />
        </div>
      ))}
      <PadArea
        label={t.pad}
        valueText={t.padPlace(formatNumber(place.x, 2), formatNumber(place.y, 2))}
        place={place}
        onMove={(to) => change({ place: to })}
      >
        <Sheet />
      </PadArea>
    </div>
  );
}

/** Blends of the corners, generated one by one while nothing else is wanted. */
function Sheet() {
  const { model, generator, view } = usePictures();
  const { picks, className, truncation, smooth } = view;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height, width] = model.content.shape;
  const key = picks.join();
  useEffect(() => {
    let stopped = false;
    const refs = key.split(",");
    const latents = refs.map((ref) => model.latentOf(ref));
    const label = model.labelOf(refs[0] ?? "0", className);
    const draw = async () => {
      for (let cell = 0; cell < SHEET * SHEET && !stopped; cell++) {
        const [column, row] = [cell % SHEET, Math.floor(cell / SHEET)];
        const place = { x: column / (SHEET - 1), y: row / (SHEET - 1) };
        const latent = truncate(blend(latents, cornerWeights(refs.length, place)), truncation);
        const [picture] = await generator.render([{ latent, label }]);
        if (stopped || picture === undefined || canvas.current === null) return;
        const context = canvas.current.getContext("2d");
        context?.putImageData(picture, column * width, row * height);
        canvas.current.dataset.cells = String(cell + 1);
      }
    };
    draw().catch(() => {}); // the picture of the stage says what is wrong
    return () => {
      stopped = true;
    };
  }, [model, generator, key, className, truncation, width, height]);
  return (
    <canvas
      ref={canvas}
      width={SHEET * width}
      height={SHEET * height}
      className={`pad-sheet ${smooth ? "smooth" : "sharp"}`}
    />
  );
}
