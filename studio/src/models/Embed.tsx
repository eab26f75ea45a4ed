import { Button } from "react-aria-components";
import { serviceUrl } from "../api/client";
import { useKey } from "../api/key";
import { useScreenTexts, useTexts } from "../i18n";
import { usePreferences } from "../state/preferences";
import { saveAs } from "../ui/DownloadLink";
import { useCopy } from "../ui/useCopy";
import { imageTag, morphTag, randomPage, videoTag } from "./embed";
import { TEXTS } from "./texts";

/** Texts that show pictures of the model elsewhere, and a whole page that does nothing else. */
export function Embed({ model }: { model: string }) {
  const t = useScreenTexts(TEXTS);
  const { t: common } = useTexts();
  const { key } = useKey();
  const [{ what, state }, copy] = useCopy();
  const service = serviceUrl("").replace(/\/$/, "");
  const [{ language }] = usePreferences();
  const page = randomPage(service, model, {
    language,
    title: t.randomTitle(model),
    picture: t.randomPicture(model),
    seed: t.randomSeed,
    another: t.randomAnother,
  });
  const texts = [
    { label: t.imageTag, text: imageTag(service, model) },
    { label: t.morphTag, text: morphTag(service, model) },
    { label: t.videoTag, text: videoTag(service, model) },
    { label: t.randomPage, text: page },
  ];
  return (
    <section className="panel-box" aria-labelledby="model-embed">
      <h2 id="model-embed">{t.embed}</h2>
      <p className="page-text">{key === null ? t.embedNote : `${t.embedNote} ${t.embedKeyed}`}</p>
      {texts.map(({ label, text }) => (
        <div key={label} className="snippet">
          <div className="row">
            <h3>{label}</h3>
            <span className="row-actions">
              {text === page && (
                <Button
                  className="button small"
                  onPress={() =>
                    saveAs(new Blob([page], { type: "text/html" }), `${model}-picture.html`)
                  }
                >
                  {t.savePage}
                </Button>
              )}
              <Button
                className="button small"
                aria-label={t.copyOf(label)}
                onPress={() => void copy(label, text)}
              >
                {what === label && state === "copied" ? common.copied : t.copy}
              </Button>
            </span>
          </div>
          {text !== page && <code className="code">{text}</code>}
        </div>
      ))}
      <p className="live" role="status">
        {state === "copied" ? common.copied : state === "failed" ? common.copyFailed : ""}
      </p>
    </section>
  );
}
