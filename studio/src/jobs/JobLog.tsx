import { useLayoutEffect, useRef } from "react";
import type { Job } from "../api/client";
import { serviceUrl } from "../api/client";
import { useLog } from "../api/jobs";
import { pathOf } from "../api/paths";
import { useScreenTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import { CopyRow } from "../ui/CopyRow";
import { DownloadLink } from "../ui/DownloadLink";
import { TEXTS } from "./texts";

const SHOWN_LINES = 400;
const AT_THE_END_PX = 24;

/** The end of a job's log. It stays at its last line while lines are added, unless one has scrolled
 * up to read. */
export function JobLog({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const log = useLog(job);
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  const text = log.data ?? "";
  const shown = text.split("\n").slice(-SHOWN_LINES).join("\n").trimEnd();
  // biome-ignore lint/correctness/useExhaustiveDependencies: lines that are added move the end
  useLayoutEffect(() => {
    if (box.current !== null && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown]);
  return (
    <section className="section">
      <h3>{t.log}</h3>
      {log.error !== null && (
        <p className="field-error" role="alert">
          <ErrorText error={log.error} />
        </p>
      )}
      {log.data === "" && <p className="muted">{t.logEmpty}</p>}
      {shown !== "" && (
        <>
          <pre
            ref={box}
            className="log"
            lang="en"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls needs the keyboard
            tabIndex={0}
            role="log"
            aria-live="off" // it is read when one wants to
            aria-label={t.log}
            onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
              atEnd.current = scrollTop + clientHeight > scrollHeight - AT_THE_END_PX;
            }}
          >
            {shown}
          </pre>
          <div className="row">
            <CopyRow texts={[{ label: t.copyLog, text: () => text }]} />
            <DownloadLink
              address={serviceUrl(pathOf("/v1/jobs/{job_id}/log", { job_id: job.id }))}
              file={`${job.id}.log`}
            >
              {t.wholeLog}
            </DownloadLink>
          </div>
        </>
      )}
    </section>
  );
}
