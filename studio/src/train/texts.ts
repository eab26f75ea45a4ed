import { useScreenTexts } from "../i18n";
import type { Translation } from "../i18n/en";
import { en } from "./en";
import { ja } from "./ja";

export type TrainTexts = Translation<typeof en>;

const TEXTS = { en, ja };

export function useTrainTexts(): TrainTexts {
  return useScreenTexts<TrainTexts>(TEXTS);
}
