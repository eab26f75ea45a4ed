import { en } from "./en";
import { ja } from "./ja";

export const TEXTS = { en, ja };
