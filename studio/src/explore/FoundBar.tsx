import type { UseQueryResult } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import type { Schemas } from "../api/client";
import { useTexts } from "../i18n";
import { captionOf } from "../pictures/latent";
import { Picture } from "../pictures/Picture";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { CloseIcon } from "../ui/icons";
import { IndexProgress } from "./IndexProgress";

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
      {view.only === null && search.data === undefined && search.error !== null ? (
        <IndexProgress error={search.error} onIndexed={search.refetch} />
      ) : (
        <span className="muted">
          {view.only !== null
            ? view.only.length > 0
              ? t.foundOnly(n(view.only.length))
              : t.noFavourites
            : search.data !== undefined
              ? t.foundCount(n(search.data.items.length), n(search.data.samples))
              : t.loading}
        </span>
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
