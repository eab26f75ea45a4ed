import { Button, Tooltip, TooltipTrigger } from "react-aria-components";
import { useTexts } from "../../i18n";
import { useLearnTexts } from "../texts";
import { MapSheet } from "./MapSheet";
import { type Layer, useMaps } from "./queries";

/** A layer of the drawing: its first maps, as large as the layer is, and its shape. */
export function LayerBlock({
  model,
  checkpoint,
  seed,
  layer,
  isChosen,
  onChoose,
}: {
  model: string | null;
  checkpoint: string;
  seed: number;
  layer: Layer;
  isChosen: boolean;
  onChoose: () => void;
}) {
  const t = useLearnTexts();
  const { n } = useTexts();
  const maps = useMaps(model, checkpoint, seed, layer.index);
  const shape = shapeOf(layer, n);
  return (
    <TooltipTrigger delay={300} closeDelay={80}>
      <Button
        className={`layer-block ${isChosen ? "chosen" : ""}`}
        aria-label={t.layerNamed(n(layer.index + 1), shape)}
        aria-pressed={isChosen}
        onPress={onChoose}
      >
        <span className={`layer-stack side-${sideStep(layer)} ${maps.data ? "" : "empty"}`}>
          {maps.data && <MapSheet layer={layer} sheet={maps.data} {...firstMaps(layer)} />}
        </span>
        <span className="layer-shape">{shape}</span>
      </Button>
      <Tooltip className="tooltip" offset={6}>
        {t.layerFacts(shape, n(layer.weights))}
      </Tooltip>
    </TooltipTrigger>
  );
}

/** Whether the maps of a layer are single values. */
export function isDense(layer: Layer): boolean {
  return layer.width === 1 && layer.height === 1;
}

/** Channels × height × width; of a dense layer, its values. */
export function shapeOf(layer: Layer, n: (value: number) => string): string {
  if (isDense(layer)) return n(layer.channels);
  return `${n(layer.channels)} × ${layer.height} × ${layer.width}`;
}

/** How large the block is drawn: a step for each doubling of the side, as far as there is room. */
function sideStep(layer: Layer): number {
  if (isDense(layer)) return 0;
  return Math.min(5, Math.max(1, Math.round(Math.log2(layer.height)) - 1));
}

/** What is drawn of a layer in its block. */
function firstMaps(layer: Layer): { columns: number; most: number } {
  if (isDense(layer)) return { columns: 8, most: 64 };
  return { columns: layer.maps < 4 ? 1 : 2, most: 4 };
}
