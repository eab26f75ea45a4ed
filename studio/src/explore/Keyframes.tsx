import { type KeyboardEvent, memo, useState } from "react";
import { Button } from "react-aria-components";
import { useTexts } from "../i18n";
import { captionOf, type LatentRef } from "../pictures/latent";
import { Picture } from "../pictures/Picture";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { IconButton } from "../ui/controls";
import { CloseIcon, NextIcon, PreviousIcon, SwapIcon } from "../ui/icons";
import { useReorder } from "./useReorder";

/** The keyframes in their order: to seek, to move and to remove. */
export const Keyframes = memo(function Keyframes({
  view,
  change,
  onSeek,
}: {
  view: View;
  change: ChangeView;
  onSeek: (index: number) => void;
}) {
  const { t } = useTexts();
  const { morph } = view;
  const [chosen, setChosen] = useState<number | null>(null);
  const set = (refs: readonly LatentRef[]) => change({ morph: refs, at: null });
  const move = (from: number, to: number) => {
    if (to < 0 || to >= morph.length) return;
    const refs = [...morph];
    refs.splice(to, 0, ...refs.splice(from, 1));
    setChosen(to);
    set(refs);
  };
  const { list, drag, handlers } = useReorder(move);
  const onKeyDown = (event: KeyboardEvent, index: number) => {
    if (event.key === "Delete" || event.key === "Backspace") set(without(morph, index));
    else if (event.shiftKey && event.key === "ArrowLeft") move(index, index - 1);
    else if (event.shiftKey && event.key === "ArrowRight") move(index, index + 1);
    else return;
    event.preventDefault();
  };
  return (
    <div className="keyframes">
      <ol aria-label={t.keyframes} ref={list}>
        {morph.map((ref, index) => (
          <li
            key={keyOf(morph, index)}
            className={drag !== null && drag.to === index ? dropClass(drag) : ""}
            {...handlers(index)}
          >
            <button
              type="button"
              className={`keyframe ${chosen === index ? "chosen" : ""} ${drag?.from === index ? "dragged" : ""}`}
              style={drag?.from === index ? { translate: `${drag.x}px ${drag.y}px` } : {}}
              aria-label={t.keyframe(captionOf(ref), index + 1, morph.length)}
              onClick={() => {
                setChosen(index);
                onSeek(index);
              }}
              onKeyDown={(event) => onKeyDown(event, index)}
            >
              <Picture latent={ref} />
              <span>{captionOf(ref)}</span>
            </button>
          </li>
        ))}
        {morph.length === 1 && <li className="keyframe empty" aria-hidden="true" />}
      </ol>
      <div className="keyframe-tools">
        {chosen !== null && chosen < morph.length && (
          <>
            <IconButton label={t.moveEarlier} onPress={() => move(chosen, chosen - 1)}>
              <PreviousIcon />
            </IconButton>
            <IconButton label={t.moveLater} onPress={() => move(chosen, chosen + 1)}>
              <NextIcon />
            </IconButton>
            <IconButton label={t.remove} onPress={() => set(without(morph, chosen))}>
              <CloseIcon />
            </IconButton>
          </>
        )}
        {morph.length > 1 && (
          <Button className="button quiet" onPress={() => set([...morph].reverse())}>
            <SwapIcon />
            {t.reverse}
          </Button>
        )}
      </div>
    </div>
  );
});

/** A picture may be a keyframe twice: its key says which of them. A moved one keeps the focus. */
function keyOf(refs: readonly LatentRef[], index: number): string {
  const ref = refs[index];
  const before = refs.slice(0, index).filter((other) => other === ref).length;
  return `${ref} ${before}`;
}

/** Where a keyframe that is dropped goes: before the one below it, or after it. */
function dropClass({ from, to }: { from: number; to: number }): string {
  return to === from ? "" : to < from ? "drop-before" : "drop-after";
}

function without(refs: readonly LatentRef[], index: number): LatentRef[] {
  return refs.filter((_, place) => place !== index);
}
