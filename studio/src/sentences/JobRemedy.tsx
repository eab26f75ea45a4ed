import type { Job } from "../api/client";
import { useScreenTexts } from "../i18n";
import { remedyOf } from "./remedies";

const NONE = { en: null, ja: null };

/** What helps against the error of a job. */
export function JobRemedy({
  of: { error_facts, kind },
}: {
  of: Pick<Job, "error_facts" | "kind">;
}) {
  const remedy = useScreenTexts<string | null>(remedyOf(error_facts, kind) ?? NONE);
  return remedy !== null && <span> {remedy}</span>;
}
