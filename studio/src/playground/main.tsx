import "@fontsource-variable/figtree/wght.css";
import "../styles/tokens.css";
import "../styles/base.css";
import "../styles/controls.css";
import "../styles/header.css";
import "../styles/stage.css";
import "../styles/directions.css";
import "../styles/morph.css";
import "./playground.css";
import { StrictMode } from "react";
import { I18nProvider } from "react-aria-components";
import { createRoot } from "react-dom/client";
import { Notice } from "../ui/Notice";
import { readContent } from "./content";
import { Generator } from "./generator";
import { Model } from "./model";
import { Playground } from "./Playground";
import { PicturesOf } from "./pictures";
import { language, t } from "./texts";

const element = document.getElementById("root");
if (element === null) throw new Error("the page has no element #root");
const root = createRoot(element);
document.documentElement.lang = language;

function show(page: React.ReactNode): void {
  root.render(
    <StrictMode>
      <I18nProvider locale={language}>{page}</I18nProvider>
    </StrictMode>,
  );
}

show(<Notice title={t.opening} text={t.openingHelp} quiet />);
try {
  const model = new Model(readContent());
  document.title = `${model.content.model} · Moggy`;
  const generator = await Generator.open(model.content);
  show(
    <PicturesOf model={model} generator={generator}>
      <Playground />
    </PicturesOf>,
  );
} catch (error) {
  show(<Notice title={t.cannotOpen} text={t.cannotOpenHelp(String(error))} />);
}
