import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import { Problem } from "../api/problem";
import { useTexts } from "../i18n";
import { captionOf } from "../pictures/latent";
import { Picture } from "../pictures/Picture";
import type { ChangeView } from "../state/useView";
import { NO_SEARCH, type View } from "../state/view";
import { CloseIcon } from "../ui/icons";
import { IndexProgress } from "./IndexProgress";
import type { Found } from "./useFound";

/** What the wall was searched for, or that it shows chosen pictures; while the samples are being
 * indexed, how far that is. */
export function FoundBar({
  found,
  view,
  change,
}: {
  found: Found;
  view: View;
  change: ChangeView;
}) {
  const { t, n } = useTexts();
  const { kind, refs, samples } = found;
  const count = n(refs.length);
  const texts = {
    chosen: refs.length > 0 ? t.foundOnly(count) : t.noneChosen,
    search: t.foundCount(count, n(samples ?? 0)),
    good: t.foundGood(count, n(view.from)),
  };
  const isSearch = kind === "search";
  const isIndexing = found.error instanceof Problem && found.error.job !== null;
  return (
    <div className="found">
      {isSearch && view.color !== null && (
        <Criterion name={t.foundColor} onRemove={() => change({ color: null })}>
          <span className="swatch small" style={{ background: view.color }} />
          {view.color}
        </Criterion>
      )}
      {isSearch && view.like !== null && (
        <Criterion name={t.foundLike} onRemove={() => change({ like: null })}>
          <Picture latent={view.like} />
          {captionOf(view.like)}
        </Criterion>
      )}
      {isSearch && view.findClass !== null && (
        <Criterion name={t.classLabel} onRemove={() => change({ findClass: null })}>
          {view.findClass}
        </Criterion>
      )}
      {kind !== "chosen" && view.minQuality > 0 && (
        <Criterion name={t.quality} onRemove={() => change({ minQuality: 0 })}>
          {t.qualityFrom(n(view.minQuality))}
        </Criterion>
      )}
      {found.error !== null ? (
        <>
          <IndexProgress error={found.error} onIndexed={found.tryAgain} />
          {!isIndexing && (
            <Button className="button quiet" onPress={found.tryAgain}>
              {t.retry}
            </Button>
          )}
        </>
      ) : (
        // The number of good pictures grows while one scrolls, which is not announced.
        <span className="muted" role={kind === "good" ? undefined : "status"}>
          {found.isPending ? t.loading : texts[kind]}
        </span>
      )}
      <Button
        className="button quiet"
        onPress={() =>
          change({ ...NO_SEARCH, minQuality: kind === "chosen" ? view.minQuality : 0 })
        }
      >
        <CloseIcon />
        {t.clearSearch}
      </Button>
    </div>
  );
}

/** One of the things that the wall was searched for. */
function Criterion({
  name,
  onRemove,
  children,
}: {
  name: string;
  onRemove: () => void;
  children: ReactNode;
}) {
  const { t } = useTexts();
  return (
    <span className="criterion">
      <span className="muted">{name}</span>
      {children}
      <Button className="criterion-remove" aria-label={t.removeCriterion(name)} onPress={onRemove}>
        <CloseIcon />
      </Button>
    </span>
  );
}
