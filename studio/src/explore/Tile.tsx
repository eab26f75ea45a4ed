import { memo } from "react";
import { useTexts } from "../i18n";
import { usePictures, useRival } from "../pictures/context";
import type { LatentRef } from "../pictures/latent";
import { Picture } from "../pictures/Picture";
import type { Side } from "../state/view";
import { MinusIcon, PlusIcon } from "../ui/icons";
import { canCompare } from "./comparison";
import type { Mark } from "./marks";

interface TileProps {
  latent: LatentRef;
  index: number;
  left: number;
  width: number;
  height: number;
  isOpen: boolean;
  /** What is written on it if it is picked. */
  mark: Mark | undefined;
  picking: boolean;
  side: Side | null;
  reachable: boolean;
  onOpen: (ref: LatentRef) => void;
  onPick: (ref: LatentRef, side?: Side) => void;
  onFocus: (index: number) => void;
}

export const Tile = memo(function Tile({
  latent,
  index,
  left,
  width,
  height,
  isOpen,
  mark,
  picking,
  side,
  reachable,
  onOpen,
  onPick,
  onFocus,
}: TileProps) {
  const { t } = useTexts();
  const { source } = usePictures();
  const rival = useRival();
  const name = t.seedName(latent);
  const isPicked = mark !== undefined;
  const pickLabel =
    side === null
      ? isPicked
        ? t.unpick(name)
        : t.pick(name)
      : t.markExample(name, t[`side_${side}`]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table cannot be virtual
    // biome-ignore lint/a11y/useFocusableInteractive: its button is focused
    <div
      role="gridcell"
      className={`tile ${isOpen ? "open" : ""} ${isPicked ? "picked" : ""}`}
      style={{ left, width, height }}
    >
      <button
        type="button"
        data-index={index}
        tabIndex={reachable ? 0 : -1}
        aria-label={t.picture(latent)}
        aria-pressed={isOpen || isPicked}
        onFocus={() => onFocus(index)}
        onClick={(event) => {
          if (picking || event.shiftKey) onPick(latent);
          else onOpen(latent);
        }}
      >
        <Picture latent={latent} />
        {rival && canCompare(latent, source, rival.source) && (
          <span className="rival" style={{ "--left": `${left}px` } as React.CSSProperties}>
            <Picture latent={latent} of={rival} />
          </span>
        )}
        <span className="tile-seed">{latent}</span>
      </button>
      <button
        type="button"
        className="tile-pick"
        tabIndex={-1}
        aria-label={pickLabel}
        data-mark={mark}
        onClick={() => onPick(latent)}
      >
        {!isPicked && (side === "less" ? <MinusIcon /> : <PlusIcon />)}
      </button>
    </div>
  );
});
