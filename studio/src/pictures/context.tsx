import { createContext, type ReactNode, useContext, useEffect, useMemo } from "react";
import { openPictures } from "./load";
import type { PictureSource } from "./source";
import type { PictureStore } from "./store";

export interface Pictures {
  source: PictureSource;
  store: PictureStore<ImageBitmap>;
}

const Context = createContext<Pictures | null>(null);
const RivalContext = createContext<Pictures | null>(null);

/** The pictures of one source for everything inside, and those of `rival`, the source that it is
 * compared with. */
export function PicturesOf({
  source,
  rival = null,
  children,
}: {
  source: PictureSource;
  rival?: PictureSource | null;
  children: ReactNode;
}) {
  const pictures = useOpenPictures(source);
  const rivals = useOpenPictures(rival);
  return (
    <Context value={pictures}>
      <RivalContext value={rivals}>{children}</RivalContext>
    </Context>
  );
}

function useOpenPictures(source: PictureSource | null): Pictures | null {
  const key = source === null ? null : JSON.stringify(source);
  const pictures = useMemo<Pictures | null>(() => {
    if (key === null) return null;
    const stable = JSON.parse(key) as PictureSource;
    return { source: stable, store: openPictures(stable) };
  }, [key]);
  useEffect(() => () => pictures?.store.clear(), [pictures]);
  return pictures;
}

export function usePictures(): Pictures {
  const pictures = useContext(Context);
  if (pictures === null) throw new Error("usePictures outside of PicturesOf");
  return pictures;
}

/** The pictures that those of `usePictures` are compared with; null: there is no comparison. */
export function useRival(): Pictures | null {
  return useContext(RivalContext);
}
