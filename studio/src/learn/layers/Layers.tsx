import { Fragment } from "react";
import { useModels } from "../../api/queries";
import { useTexts } from "../../i18n";
import { PicturesOf } from "../../pictures/context";
import { Picture } from "../../pictures/Picture";
import { sourceOf } from "../../pictures/source";
import { ErrorText } from "../../sentences/ErrorText";
import type { Change } from "../../state/address";
import { Chooser, IconButton } from "../../ui/controls";
import { DiceIcon, NextIcon, PreviousIcon } from "../../ui/icons";
import { ScreenLink } from "../../ui/ScreenLink";
import type { LearnView } from "../address";
import { useLearnTexts } from "../texts";
import { ARTICLE_LATENT, ARTICLE_LAYERS } from "./article";
import { LayerBlock } from "./LayerBlock";
import { LayerDetails } from "./LayerDetails";
import { pictureQuery, useLayers } from "./queries";

const RANDOM_SEEDS = 10_000; // few digits are easier to compare

/** A generator layer by layer, with what each layer computes for the image of a seed. */
export function Layers({ view, change }: { view: LearnView; change: Change<LearnView> }) {
  const t = useLearnTexts();
  const { n } = useTexts();
  const models = (useModels().data?.items ?? []).filter((model) => model.checkpoint !== null);
  const model =
    models.find(({ name }) => name === view.model) ??
    models.find(({ config }) => config?.architecture === "dcgan") ??
    models[0] ??
    null;
  const answer = useLayers(model?.name ?? null);
  const layers = answer.data?.layers ?? (model === null ? ARTICLE_LAYERS : []);
  const shown = layers[view.layer ?? 0] ?? layers[0];
  const { seed } = view;
  const of = { model: model?.name ?? null, checkpoint: answer.data?.checkpoint ?? "", seed };
  return (
    <div className="layers">
      <div className="layers-tools">
        {model && (
          <Chooser
            label={t.layersModel}
            choices={models.map(({ name }) => ({ key: name, text: name }))}
            chosen={model.name}
            onChoose={(name) => change({ model: name, layer: null })}
          />
        )}
        {model && (
          <span className="toy-seed">
            <IconButton
              label={t.previousSeed}
              isDisabled={seed === 0}
              onPress={() => change({ seed: seed - 1 }, { replace: true })}
            >
              <PreviousIcon />
            </IconButton>
            <span className="muted">
              {t.seed} <b className="number">{seed}</b>
            </span>
            <IconButton
              label={t.nextSeed}
              onPress={() => change({ seed: seed + 1 }, { replace: true })}
            >
              <NextIcon />
            </IconButton>
            <IconButton
              label={t.anotherPicture}
              onPress={() => change({ seed: Math.floor(Math.random() * RANDOM_SEEDS) })}
            >
              <DiceIcon />
            </IconButton>
          </span>
        )}
        <p className="muted">{model === null ? t.articleDrawing : t.chooseLayer}</p>
      </div>
      {answer.error && (
        <p role="alert">
          <ErrorText error={answer.error} />
        </p>
      )}
      <ol className="layer-row" aria-label={t.layersLabel}>
        <li className="latent-block">
          <span className="latent-bar" aria-hidden="true" />
          <span className="layer-shape">
            {t.latentOf(n(answer.data?.latent_dim ?? ARTICLE_LATENT))}
          </span>
        </li>
        {layers.map((layer) => (
          <Fragment key={layer.index}>
            <li className="layer-arrow" aria-hidden="true">
              <NextIcon />
            </li>
            <li>
              <LayerBlock
                {...of}
                layer={layer}
                isChosen={layer === shown}
                onChoose={() => change({ layer: layer.index })}
              />
            </li>
          </Fragment>
        ))}
        {model && (
          <>
            <li className="layer-arrow" aria-hidden="true">
              <NextIcon />
            </li>
            <li className="layer-picture">
              <PicturesOf source={sourceOf(model, null, 1, null)}>
                <ScreenLink
                  query={pictureQuery(model.name, seed)}
                  aria-label={t.openPicture(n(seed))}
                >
                  <Picture key={seed} latent={String(seed)} />
                </ScreenLink>
              </PicturesOf>
              <span className="layer-shape">{t.picture}</span>
            </li>
          </>
        )}
      </ol>
      {shown && <LayerDetails {...of} layer={shown} />}
    </div>
  );
}
