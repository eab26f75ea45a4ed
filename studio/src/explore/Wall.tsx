import { useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import { Button } from "react-aria-components";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import type { LatentRef } from "../pictures/latent";
import { ErrorText } from "../sentences/ErrorText";
import { usePreferences } from "../state/preferences";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { type Choice, Grid } from "./Grid";
import { firstSeed, fitColumns, growRows } from "./layout";
import { WallWipe } from "./Wipe";

const FIRST_ROWS = 60;
const ROWS_BEFORE_END = 4;

/** The endless wall of pictures by seed. `from` is the first seed that is visible. */
export function SeedWall({
  from,
  onScrolled,
  ...choice
}: Choice & { from: number; onScrolled: (from: number) => void }) {
  const { t } = useTexts();
  const [grid, size] = useColumns();
  const [rows, setRows] = useState(FIRST_ROWS);
  // The wall stays where it is while one scrolls; only another `from` than the reported one moves it.
  const [place, setPlace] = useState({ origin: from, reported: from });
  if (from !== place.reported) setPlace({ origin: from, reported: from });
  const columns = size?.columns ?? 1;
  const base = firstSeed(place.origin, columns);
  const start = Math.max(0, place.reported - base);
  const startRow = Math.floor(start / columns);
  return (
    <WallWipe size={size}>
      <div className="wall" id="pictures" ref={grid}>
        {size && (
          <Grid
            key={`${base} ${columns} ${size.height}`}
            {...choice}
            label={t.wall}
            size={size}
            scroller={grid}
            count={Math.max(rows, growRows(0, startRow)) * columns}
            start={start}
            refAt={(index) => String(base + index)}
            indexOf={(ref) => Number(ref) - base}
            endless
            onVisible={(first, last) => {
              setRows((current) => growRows(current, last));
              if (startRow === first) return;
              const seed = base + first * columns;
              setPlace({ origin: place.origin, reported: seed });
              onScrolled(seed);
            }}
          />
        )}
      </div>
    </WallWipe>
  );
}

/** The pictures that a search found. `onEnd` is called when the last of them come near. */
export function FoundWall({
  refs,
  onEnd,
  ...choice
}: Choice & { refs: readonly LatentRef[]; onEnd: () => void }) {
  const { t } = useTexts();
  const [grid, size] = useColumns();
  return (
    <WallWipe size={size}>
      <div className="wall" id="pictures" ref={grid}>
        {size && (
          <Grid
            key={`${size.columns} ${size.height}`}
            {...choice}
            label={t.wallFound}
            size={size}
            scroller={grid}
            count={refs.length}
            start={0}
            refAt={(index) => refs[index] ?? ""}
            indexOf={(ref) => refs.indexOf(ref)}
            endless={false}
            onVisible={(_, last) => {
              if ((last + ROWS_BEFORE_END) * size.columns >= refs.length) onEnd();
            }}
          />
        )}
      </div>
    </WallWipe>
  );
}

/** Why the pictures of the wall cannot be made. A link may name a checkpoint that was deleted. */
export function WallError({ view, change }: { view: View; change: ChangeView }) {
  const { t } = useTexts();
  const { store } = usePictures();
  const failure = useSyncExternalStore(store.watchFailure, store.failure);
  if (!(failure instanceof Error)) return null;
  return (
    <div className="found">
      <span role="alert">
        <ErrorText error={failure} />
      </span>
      {view.checkpoint !== null && (
        <Button className="button quiet" onPress={() => change({ checkpoint: null })}>
          {t.showServed}
        </Button>
      )}
    </div>
  );
}

function useColumns() {
  const grid = useRef<HTMLDivElement>(null);
  const { source } = usePictures();
  const [{ tile }] = usePreferences();
  const [available, setAvailable] = useState<number | null>(null);
  useLayoutEffect(() => {
    const element = grid.current;
    if (element === null) return;
    const measure = () => {
      const style = getComputedStyle(element);
      const padding = Number.parseFloat(style.paddingLeft) + Number.parseFloat(style.paddingRight);
      setAvailable(element.clientWidth - padding);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
  const size = available === null ? null : fitColumns(available, tile, source.shape);
  return [grid, size] as const;
}
