import { useEffect } from "react";
import { Problem } from "../api/problem";
import { hasEnded, useJob } from "../api/queries";
import { useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import { JobErrorText } from "../sentences/JobErrorText";
import { JobRemedy } from "../sentences/JobRemedy";

/** Why a request that needs the index of the samples failed; while they are being indexed, how far
 * that is. `onIndexed` is called when the index is there. */
export function IndexProgress({ error, onIndexed }: { error: Error; onIndexed: () => void }) {
  const { t, n } = useTexts();
  const indexing = error instanceof Problem ? error.job : null;
  const job = useJob(indexing);
  const status = job.data?.status;
  useEffect(() => {
    if (status === "succeeded") onIndexed();
  }, [status, onIndexed]);
  if (indexing === null)
    return (
      <span role="alert">
        <ErrorText error={error} />
      </span>
    );
  if (hasEnded(status) && status !== "succeeded") {
    return (
      <span role="alert">
        {job.data?.error ? <JobErrorText of={job.data} /> : t.failed}
        {job.data && <JobRemedy of={job.data} />}
      </span>
    );
  }
  const { images_seen: done = 0, images_total: total = null } = job.data?.progress ?? {};
  return (
    <>
      <span className="muted">{t.indexing}</span>
      <progress {...(total ? { value: done / total } : {})} aria-label={t.indexing} />
      {total !== null && <span className="muted">{t.indexingDone(n(done), n(total))}</span>}
    </>
  );
}
