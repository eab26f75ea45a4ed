import { useMemo } from "react";
import type { Model } from "../api/client";
import { useScreenTexts, useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { PicturesOf } from "../pictures/context";
import { Picture } from "../pictures/Picture";
import { sourceOf } from "../pictures/source";
import { ScreenLink } from "../ui/ScreenLink";
import { modelQuery } from "./address";
import { TEXTS } from "./texts";
import { useSeen } from "./useSeen";

const PICTURES = 5;

/** A model in the list: pictures of its first seeds, its size, and what it has learnt from. */
export function ModelTile({ model }: { model: Model }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const formats = useFormats();
  const { height, width } = sizeOf(model);
  const bytes = formats.bytes(model.bytes);
  const parts = [
    `${width} × ${height}`,
    String(model.config?.preset ?? ""),
    t.imagesSeenOf(n(model.images_seen ?? 0)),
  ];
  return (
    <li>
      <ScreenLink className="model-tile" query={modelQuery(model.name)}>
        <Strip model={model} count={PICTURES} />
        <strong className="model-name">{model.name}</strong>
        {model.checkpoint === null ? (
          <span className="muted">{t.noCheckpoint}</span>
        ) : (
          <>
            <span className="muted number">{parts.join(" · ")}</span>
            <span className="muted number">
              {model.checkpoints === 1
                ? t.oneCheckpoint(bytes)
                : t.checkpointsAndBytes(n(model.checkpoints), bytes)}
            </span>
          </>
        )}
      </ScreenLink>
    </li>
  );
}

/** Pictures of the first seeds, made once they come into view. */
export function Strip({ model, count }: { model: Model; count: number }) {
  const t = useScreenTexts(TEXTS);
  const [place, seen] = useSeen<HTMLSpanElement>();
  const source = useMemo(
    () => (model.checkpoint === null ? null : sourceOf(model, null, 1, null)),
    [model],
  );
  const seeds = Array.from({ length: count }, (_, seed) => String(seed));
  return (
    <span ref={place} className="strip" role="img" aria-label={t.pictures(model.name)}>
      {seen && source !== null ? (
        <PicturesOf source={source}>
          {seeds.map((seed) => (
            <span key={seed} className="strip-picture">
              <Picture latent={seed} />
            </span>
          ))}
        </PicturesOf>
      ) : (
        seeds.map((seed) => <span key={seed} className="strip-picture" />)
      )}
    </span>
  );
}

function sizeOf(model: Model) {
  const shape = model.config?.shape;
  const [height, width] = Array.isArray(shape) ? shape.map(Number) : [0, 0];
  return { height, width };
}
