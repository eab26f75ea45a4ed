import { useScreenTexts } from "../i18n";
import { en, type TrainTexts } from "./en";
import { ja } from "./ja";

export type { TrainTexts };

const TEXTS = { en, ja };

export function useTrainTexts(): TrainTexts {
  return useScreenTexts<TrainTexts>(TEXTS);
}
