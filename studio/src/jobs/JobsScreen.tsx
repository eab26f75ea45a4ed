import { useEffect, useRef } from "react";
import { Button } from "react-aria-components";
import type { Job } from "../api/client";
import { hasEnded, useJob } from "../api/queries";
import { useScreenTexts, useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import { useAddressState } from "../state/address";
import { ENDED, isFiltered, JOBS_CODEC, LIVE, NO_FILTERS } from "./address";
import { Filters } from "./Filters";
import { JobPane } from "./JobPane";
import { JobRow } from "./JobRow";
import { LiveJobs } from "./LiveJobs";
import { itemsOf, useEndedJobs, useFollowedJobs, useLiveJobs, useNewJobs } from "./queries";
import { TEXTS } from "./texts";
import "../styles/jobs.css";

/** All jobs: those that run or wait, in their order, then those that have ended; and one in detail. */
export default function JobsScreen() {
  const t = useScreenTexts(TEXTS);
  const { t: common } = useTexts();
  const [view, change] = useAddressState(JOBS_CODEC);
  const { job: _open, ...filters } = view;
  const live = useLiveJobs(filters);
  const ended = useEndedJobs(filters);
  const open = useJob(view.job, { isFollowed: true });
  useNewJobs(filters);
  useReturningFocus(view.job);

  const liveJobs = live.data?.items ?? [];
  const endedJobs = itemsOf(ended.data).filter((job) => hasEnded(job.status));
  // The stream of events is refused if one of its jobs does not exist.
  const openFirst = open.data !== undefined && !hasEnded(open.data.status) ? [open.data.id] : [];
  useFollowedJobs([...new Set([...openFirst, ...liveJobs.map((job) => job.id)])]);

  const showsLive = view.status === null || LIVE.includes(view.status);
  const showsEnded = view.status === null || ENDED.includes(view.status);
  const isLoading = live.data === undefined || (showsEnded && ended.data === undefined);
  const moreError = ended.isFetchNextPageError ? ended.error : null;
  const error = live.error ?? (moreError === null ? ended.error : null);
  const isEmpty = !isLoading && liveJobs.length + endedJobs.length === 0 && !ended.hasNextPage;
  const row = (job: Job) => <JobRow key={job.id} job={job} view={view} />;
  return (
    <>
      <main className="page">
        <div className="page-head">
          <div>
            <h1 className="page-title">{common.jobs}</h1>
            <p className="page-text">{t.intro}</p>
          </div>
          <Filters view={view} change={change} />
        </div>
        {error !== null && (
          <p className="alert" role="alert">
            <ErrorText error={error} />
          </p>
        )}
        {isLoading && error === null && <p className="muted">{common.loading}…</p>}
        {isEmpty && <Empty isFiltered={isFiltered(filters)} clear={() => change(NO_FILTERS)} />}
        {!isEmpty && !isLoading && showsLive && (
          <section className="job-section" aria-label={t.live}>
            <h2>{t.live}</h2>
            {liveJobs.length === 0 && <p className="muted">{t.liveNone}</p>}
            <LiveJobs jobs={liveJobs} view={view} isFiltered={isFiltered(filters)} />
          </section>
        )}
        {!isEmpty && !isLoading && showsEnded && (
          <section className="job-section" aria-label={t.ended}>
            <h2>{t.ended}</h2>
            {endedJobs.length === 0 && !ended.hasNextPage && <p className="muted">{t.endedNone}</p>}
            <ul className="job-list">{endedJobs.map(row)}</ul>
            {ended.hasNextPage && (
              <More
                isLoading={ended.isFetchingNextPage}
                error={moreError}
                onMore={() => void ended.fetchNextPage()}
              />
            )}
          </section>
        )}
      </main>
      {view.job !== null && (
        <JobPane
          key={view.job}
          job={open.data}
          error={open.error}
          onClose={() => change({ job: null })}
          onOpen={(job) => change({ job })}
        />
      )}
    </>
  );
}

/** Gives the focus of a pane that is closed back to the row of its job. */
function useReturningFocus(open: string | null) {
  const before = useRef(open);
  useEffect(() => {
    const hasLost = document.activeElement === document.body;
    if (open === null && before.current !== null && hasLost) {
      document.querySelector<HTMLElement>(`.job-row[data-job="${before.current}"]`)?.focus();
    }
    before.current = open;
  }, [open]);
}

function Empty({ isFiltered, clear }: { isFiltered: boolean; clear: () => void }) {
  const t = useScreenTexts(TEXTS);
  return (
    <div className="blank">
      <strong>{isFiltered ? t.noneMatch : t.noJobs}</strong>
      {isFiltered ? (
        <Button className="button" onPress={clear}>
          {t.clearFilters}
        </Button>
      ) : (
        <p>{t.noJobsHelp}</p>
      )}
    </div>
  );
}

/** Fetches the next page when it comes into view, or is pressed; after an error only when it is
 * pressed. */
function More({
  isLoading,
  error,
  onMore,
}: {
  isLoading: boolean;
  error: Error | null;
  onMore: () => void;
}) {
  const t = useScreenTexts(TEXTS);
  const { t: common } = useTexts();
  const place = useRef<HTMLDivElement>(null);
  const newest = useRef(onMore);
  useEffect(() => {
    newest.current = onMore;
  });
  useEffect(() => {
    if (place.current === null || isLoading || error !== null) return;
    const observer = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting) newest.current();
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [isLoading, error]);
  return (
    <div ref={place}>
      {error !== null && (
        <p className="field-error" role="alert">
          <ErrorText error={error} />
        </p>
      )}
      <Button className="button" isDisabled={isLoading} onPress={onMore}>
        {isLoading ? t.loadingMore : error !== null ? common.retry : t.more}
      </Button>
    </div>
  );
}
