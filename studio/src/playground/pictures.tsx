import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
} from "react";
import type { LatentRef } from "../pictures/latent";
import { PictureStore } from "../pictures/store";
import type { Generator, Sample } from "./generator";
import type { Model } from "./model";
import { formatView, parseView, type View } from "./view";

const BATCH = 2; // few, so that the picture that is worked on waits for few
const KEPT_BYTES = 64 * 2 ** 20;

interface Pictures {
  model: Model;
  generator: Generator;
  /** The small pictures, with the class and the truncation of the view. */
  store: PictureStore<ImageData>;
  view: View;
  change: (changes: Partial<View>) => void;
}

const Context = createContext<Pictures | null>(null);

/** The model, its pictures and what is shown of them, for everything inside. The view is kept in
 * the fragment of the page's address. */
export function PicturesOf({
  model,
  generator,
  children,
}: {
  model: Model;
  generator: Generator;
  children: ReactNode;
}) {
  const [view, setView] = useState(() => parseView(location.hash, model));
  const { className, truncation } = view;
  const store = useMemo(() => {
    const [height, width] = model.content.shape;
    return new PictureStore<ImageData>({
      fetchBatch: (refs: LatentRef[]) =>
        generator.render(refs.map((ref) => model.sampleOf(ref, { className, truncation }))),
      batchSize: BATCH,
      concurrency: 1,
      limit: Math.floor(KEPT_BYTES / (4 * height * width)),
    });
  }, [model, generator, className, truncation]);
  const fragment = formatView(view);
  useEffect(() => {
    // A morph that plays or a slider that is dragged would write an address for every frame. An
    // assignment would be heard as a change of the address, too late, and undo what came meanwhile.
    const timer = setTimeout(() => {
      if (location.hash !== fragment) history.replaceState(history.state, "", fragment);
    }, 300);
    return () => clearTimeout(timer);
  }, [fragment]);
  useEffect(() => {
    const follow = () => {
      setView((current) => {
        const next = parseView(location.hash, model);
        return formatView(next) === formatView(current) ? current : next;
      });
    };
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, [model]);
  const change = useCallback(
    (changes: Partial<View>) => setView((current) => ({ ...current, ...changes })),
    [],
  );
  const pictures = useMemo<Pictures>(
    () => ({ model, generator, store, view, change }),
    [model, generator, store, view, change],
  );
  return <Context value={pictures}>{children}</Context>;
}

export function usePictures(): Pictures {
  const pictures = useContext(Context);
  if (pictures === null) throw new Error("usePictures outside of PicturesOf");
  return pictures;
}

/** The picture of a sample. While it is generated, the one before stays; of the samples that come
 * meanwhile only the last is generated. */
export function useRendered(sample: () => Sample, key: string) {
  const { generator } = usePictures();
  const [shown, setShown] = useState<{ picture: ImageData; key: string } | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [latest] = useState(() => new Latest());
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the sample
  useEffect(() => {
    latest.run(async () => {
      try {
        const [picture] = await generator.render([sample()]);
        if (picture) setShown({ picture, key });
        setError(null);
      } catch (problem) {
        setError(problem instanceof Error ? problem.message : String(problem));
      }
    });
  }, [key, generator]);
  return { picture: shown?.picture ?? null, isCurrent: shown?.key === key, error };
}

/** Runs tasks one after another; a task that waits gives way to a later one. */
class Latest {
  private waiting: (() => Promise<void>) | null = null;
  private busy = false;

  run(task: () => Promise<void>): void {
    this.waiting = task;
    if (!this.busy) void this.work();
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (this.waiting !== null) {
      const task = this.waiting;
      this.waiting = null;
      await task();
    }
    this.busy = false;
  }
}
