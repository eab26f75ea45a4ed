import { type Change, type Codec, useAddressState } from "./address";
import { formatView, parseView, type View } from "./view";

const CODEC: Codec<View> = { parse: parseView, format: formatView };

export type ChangeView = Change<View>;

/** What the screen Explore shows, as the address names it. */
export function useView(): [View, ChangeView] {
  return useAddressState(CODEC);
}
