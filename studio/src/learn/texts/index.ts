import { useScreenTexts } from "../../i18n";
import { en, type LearnTexts } from "./en";
import { ja } from "./ja";

const CATALOGUE = { en, ja };

/** The texts of this screen. */
export function useLearnTexts(): LearnTexts {
  return useScreenTexts<LearnTexts>(CATALOGUE);
}
