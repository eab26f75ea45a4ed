import { useTexts } from "../../i18n";
import { ErrorText } from "../../sentences/ErrorText";
import { useLearnTexts } from "../texts";
import { isDense, shapeOf } from "./LayerBlock";
import { MapSheet } from "./MapSheet";
import { type Layer, useMaps } from "./queries";

// That are shown enlarged.
const MOST_MAPS = 64;
const MOST_VALUES = 1024; // of a dense layer

/** The layer that was chosen: what it does, and its maps enlarged. */
export function LayerDetails({
  model,
  checkpoint,
  seed,
  layer,
}: {
  model: string | null;
  checkpoint: string;
  seed: number;
  layer: Layer;
}) {
  const t = useLearnTexts();
  const { n } = useTexts();
  const maps = useMaps(model, checkpoint, seed, layer.index);
  const shown = Math.min(isDense(layer) ? MOST_VALUES : MOST_MAPS, layer.maps);
  const columns = Math.ceil(Math.sqrt(2 * shown)); // about twice as wide as high
  return (
    <div className="layer-details">
      <div>
        <h3 className="layer-title">{t.layerTitle(n(layer.index + 1))}</h3>
        <p>{describe(layer, t)}</p>
        {layer.activation !== null && <p>{t[`activation_${activationOf(layer.activation)}`]}</p>}
        <dl className="layer-numbers">
          <dt>{t.layerShape}</dt>
          <dd>{shapeOf(layer, n)}</dd>
          <dt>{t.layerWeights}</dt>
          <dd>{n(layer.weights)}</dd>
        </dl>
      </div>
      <figure>
        {maps.error && (
          <p role="alert">
            <ErrorText error={maps.error} />
          </p>
        )}
        {maps.data && (
          <MapSheet
            layer={layer}
            sheet={maps.data}
            columns={columns}
            most={shown}
            label={t.mapsOf(n(layer.index + 1), n(seed))}
          />
        )}
        <figcaption className="muted">
          {maps.data ? t.mapsShown(n(shown), n(layer.channels)) : model === null && t.mapsLater}
        </figcaption>
      </figure>
    </div>
  );
}

function activationOf(activation: string): "Relu" | "LeakyRelu" | "Tanh" {
  return activation === "Tanh" || activation === "LeakyRelu" ? activation : "Relu";
}

function describe(layer: Layer, t: ReturnType<typeof useLearnTexts>): string {
  if (layer.operator === "ConvTranspose") return t.operator_ConvTranspose;
  if (layer.operator === "Conv") return t.operator_Conv;
  return layer.index > 0 || isDense(layer) ? t.operator_Dense : t.operator_Gemm;
}
