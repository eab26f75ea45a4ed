import type { Model } from "../api/client";
import { useScreenTexts, useTexts } from "../i18n";
import { ImportBox } from "./ImportBox";
import { ModelTile } from "./ModelTile";
import { TEXTS } from "./texts";

/** Every model with a few of its pictures, the newest first, and the place to drop another one. */
export function ModelList({ models }: { models: readonly Model[] }) {
  const t = useScreenTexts(TEXTS);
  const { t: common } = useTexts();
  return (
    <main className="page">
      <div>
        <h1 className="page-title">{common.models}</h1>
        <p className="page-text">{t.intro}</p>
      </div>
      {models.length === 0 && (
        <div className="blank">
          <strong>{t.none}</strong>
          <p>{t.noneHelp}</p>
        </div>
      )}
      <ul className="model-tiles">
        {models.map((model) => (
          <ModelTile key={model.name} model={model} />
        ))}
      </ul>
      <ImportBox />
    </main>
  );
}
