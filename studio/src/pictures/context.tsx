import { createContext, type ReactNode, useContext, useEffect, useMemo } from "react";
import { openPictures } from "./load";
import type { PictureSource } from "./source";
import type { PictureStore } from "./store";

interface Pictures {
  source: PictureSource;
  store: PictureStore<ImageBitmap>;
}

const Context = createContext<Pictures | null>(null);

/** The pictures of one source for everything inside. */
export function PicturesOf({ source, children }: { source: PictureSource; children: ReactNode }) {
  const { model, checkpoint, truncation, shape } = source;
  const [height, width] = shape;
  const pictures = useMemo<Pictures>(() => {
    const stable: PictureSource = { model, checkpoint, truncation, shape: [height, width] };
    return { source: stable, store: openPictures(stable) };
  }, [model, checkpoint, truncation, height, width]);
  useEffect(() => () => pictures.store.clear(), [pictures]);
  return <Context value={pictures}>{children}</Context>;
}

export function usePictures(): Pictures {
  const pictures = useContext(Context);
  if (pictures === null) throw new Error("usePictures outside of PicturesOf");
  return pictures;
}
