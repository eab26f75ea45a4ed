import type { UseQueryResult } from "@tanstack/react-query";
import { useEffect } from "react";
import { Button } from "react-aria-components";
import type { Schemas } from "../api/client";
import { Problem } from "../api/problem";
import { hasEnded, useJob } from "../api/queries";
import { useTexts } from "../i18n";
import { captionOf } from "../pictures/latent";
import { Picture } from "../pictures/Picture";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { CloseIcon } from "../ui/icons";

/** What the wall was searched for, or that it shows chosen pictures, and while the samples are being indexed, how far that is. */
export function FoundBar({
  search,
  view,
  change,
}: {
  search: UseQueryResult<Schemas["SearchAnswer"]>;
  view: View;
  change: ChangeView;
}) {
  const { t, n } = useTexts();
  const indexing = search.error instanceof Problem ? search.error.job : null;
  const job = useJob(search.data === undefined ? indexing : null);
  const { refetch } = search;
  const status = job.data?.status;
  useEffect(() => {
    if (hasEnded(status)) void refetch();
  }, [status, refetch]);

  const progress = job.data?.progress;
  const failed = status === "failed" || status === "cancelled";
  const total = progress?.images_total ?? null;
  return (
    <div className="found" role="status">
      {view.only === null && view.color !== null && (
        <span className="found-what">
          {t.foundColor}
          <span className="swatch small" style={{ background: view.color }} />
          {view.color}
        </span>
      )}
      {view.only === null && view.like !== null && (
        <span className="found-what">
          {t.foundLike}
          <Picture latent={view.like} />
          {captionOf(view.like)}
        </span>
      )}
      <span className="muted">
        {view.only !== null
          ? view.only.length > 0
            ? t.foundOnly(n(view.only.length))
            : t.noFavourites
          : search.data !== undefined
            ? t.foundCount(n(search.data.items.length), n(search.data.samples))
            : failed
              ? (job.data?.error ?? t.failed)
              : indexing !== null
                ? t.indexing
                : search.error !== null
                  ? search.error.message
                  : t.loading}
      </span>
      {search.data === undefined && indexing !== null && total !== null && (
        <>
          <progress value={(progress?.images_seen ?? 0) / total} aria-label={t.indexing} />
          <span className="muted">{t.indexingDone(n(progress?.images_seen ?? 0), n(total))}</span>
        </>
      )}
      <Button
        className="button quiet"
        onPress={() => change({ color: null, like: null, only: null })}
      >
        <CloseIcon />
        {t.clearSearch}
      </Button>
    </div>
  );
}
