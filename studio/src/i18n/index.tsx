import { createContext, type ReactNode, useContext, useMemo } from "react";
import { I18nProvider } from "react-aria-components";
import { type Preferences, usePreferences } from "../state/preferences";
import { en, type Messages } from "./en";
import { ja } from "./ja";

export type Language = Preferences["language"];

const CATALOGUES: Record<Language, Messages> = { en, ja };
export const LANGUAGES: Record<Language, string> = { en: "English", ja: "日本語" };

interface Texts {
  t: Messages;
  /** Formats a number as the language writes it. */
  n: (value: number, digits?: number) => string;
}

const Context = createContext<Texts | null>(null);

export function Localised({ children }: { children: ReactNode }) {
  const [{ language }] = usePreferences();
  const texts = useMemo<Texts>(
    () => ({
      t: CATALOGUES[language],
      n: (value, digits = 0) =>
        new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value),
    }),
    [language],
  );
  return (
    <I18nProvider locale={language}>
      <Context value={texts}>{children}</Context>
    </I18nProvider>
  );
}

/** The texts of the language that was chosen. */
export function useTexts(): Texts {
  const texts = useContext(Context);
  if (texts === null) throw new Error("useTexts outside of Localised");
  return texts;
}

/** The texts of a screen that is loaded when it is first shown: `{ en, ja }`, a constant. */
export function useScreenTexts<Catalogue>(catalogue: Record<Language, Catalogue>): Catalogue {
  const [{ language }] = usePreferences();
  return catalogue[language];
}
