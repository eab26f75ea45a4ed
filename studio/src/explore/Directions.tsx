import { Button } from "react-aria-components";
import { useDirections, useFindDirections } from "../api/directions";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { baseOf, editsOf, type LatentRef, withEdit, withRenamed } from "../pictures/latent";
import { ErrorText } from "../sentences/ErrorText";
import { JobErrorText } from "../sentences/JobErrorText";
import { JobRemedy } from "../sentences/JobRemedy";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { TeachIcon } from "../ui/icons";
import { DirectionRow } from "./DirectionRow";

/** Moves the open picture along the directions of the model. */
export function Directions({
  latent,
  view,
  change,
}: {
  latent: LatentRef;
  view: View;
  change: ChangeView;
}) {
  const { t } = useTexts();
  const { source } = usePictures();
  const directions = useDirections(source.model);
  const search = useFindDirections(source);
  const edits = editsOf(latent);
  const items = directions.data?.items ?? [];
  if (directions.isPending) return null;
  const error = search.start.error ?? directions.error;
  const job = search.job.data;
  return (
    <section className="section" aria-label={t.directions}>
      <div className="row">
        <h3>{t.directions}</h3>
        {latent !== baseOf(latent) && (
          <Button className="button quiet small" onPress={() => change({ show: baseOf(latent) })}>
            {t.reset}
          </Button>
        )}
      </div>
      {error !== null && (
        <p role="alert">
          <ErrorText error={error} />
        </p>
      )}
      {job?.status === "failed" && (
        <p role="alert">
          {job.error === null ? t.failed : <JobErrorText of={job} />}
          <JobRemedy of={job} />
        </p>
      )}
      {directions.data !== undefined && items.length === 0 && (
        <div className="row">
          <p className="muted">{search.running ? t.findingDirections : t.noDirections}</p>
          <Button
            className="button"
            isDisabled={search.running}
            onPress={() => search.start.mutate()}
          >
            {t.findDirections}
          </Button>
        </div>
      )}
      {items.map((direction) => (
        <DirectionRow
          key={direction.name}
          direction={direction}
          amount={edits[direction.name] ?? 0}
          isOpen={view.direction === direction.name}
          onChange={(amount) =>
            change(
              { show: withEdit(latent, direction.name, amount) },
              { gesture: `direction ${direction.name}` },
            )
          }
          onOpen={(isOpen) =>
            change({ direction: isOpen ? direction.name : null }, { replace: true })
          }
          onRenamed={(name) =>
            change(
              {
                show: withRenamed(latent, direction.name, name),
                direction: view.direction === direction.name ? name : view.direction,
              },
              { replace: true },
            )
          }
        />
      ))}
      <Button className="button quiet" onPress={() => change({ teach: "more", morph: [] })}>
        <TeachIcon />
        {t.teachDirection}
      </Button>
    </section>
  );
}
