import { Button } from "react-aria-components";
import type { Job } from "../api/client";
import { answeredUrl } from "../api/client";
import { hasEnded } from "../api/queries";
import { useScreenTexts, useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { ScoresTable } from "../scores/ScoresTable";
import { ErrorText } from "../sentences/ErrorText";
import { ConfirmButton } from "../ui/ConfirmButton";
import { DownloadLink } from "../ui/DownloadLink";
import { TrashIcon } from "../ui/icons";
import { itemsOf, useDeleteJobFiles, useJobFiles } from "./queries";
import { TEXTS } from "./texts";

/** What the job made: the scores of an evaluation, the files of a synthesis. */
export function JobResult({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  if (job.kind === "synthesize") return <Files job={job} />;
  if (job.kind !== "evaluate" || job.result === null) return null;
  return (
    <section className="section">
      <h3>{t.result}</h3>
      <ScoresTable metrics={job.result} />
    </section>
  );
}

function Files({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const { t: common, n } = useTexts();
  const formats = useFormats();
  const stored = useJobFiles(job);
  const remove = useDeleteJobFiles(job.id);
  const files = itemsOf(stored.data);
  const bytes = formats.bytes(files.reduce((sum, file) => sum + file.bytes, 0));
  const count = n(files.length);
  return (
    <section className="section">
      <h3>{t.files}</h3>
      {stored.isPending && <p className="muted">{common.loading}…</p>}
      {stored.error !== null && (
        <p className="field-error" role="alert">
          <ErrorText error={stored.error} />
        </p>
      )}
      {stored.data !== undefined && files.length === 0 && <p className="muted">{t.noFiles}</p>}
      <ul className="job-files">
        {files.map((file) => (
          <li key={file.name}>
            <DownloadLink
              className="link"
              address={answeredUrl(file.url)}
              file={file.name}
              label={common.downloadAs(file.name)}
            >
              {file.name}
            </DownloadLink>
            <span className="muted number">
              {file.images !== null && `${t.imagesOf(n(file.images))} · `}
              {formats.bytes(file.bytes)}
            </span>
          </li>
        ))}
      </ul>
      <div className="button-row">
        {stored.hasNextPage && (
          <Button
            className="button"
            isDisabled={stored.isFetchingNextPage}
            onPress={() => void stored.fetchNextPage()}
          >
            {stored.isFetchingNextPage ? t.loadingMore : t.more}
          </Button>
        )}
        {hasEnded(job.status) && files.length > 0 && (
          <ConfirmButton
            className="button quiet"
            icon={<TrashIcon />}
            label={t.deleteFiles}
            title={t.deleteFilesTitle}
            confirm={t.deleteFiles}
            danger
            onConfirm={() => remove.mutateAsync()}
          >
            <p>
              {stored.hasNextPage
                ? t.deleteFilesTextMore(count, bytes)
                : t.deleteFilesText(count, bytes)}
            </p>
          </ConfirmButton>
        )}
      </div>
    </section>
  );
}
