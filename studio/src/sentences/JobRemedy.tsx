import type { Schemas } from "../api/client";
import { useScreenTexts } from "../i18n";
import { remedyOf } from "./remedies";

const NONE = { en: null, ja: null };

/** What helps against the error of a job, or of the job that makes a dataset. */
export function JobRemedy({
  of: { error_facts },
}: {
  of: Pick<Schemas["JobView"], "error_facts">;
}) {
  const remedy = useScreenTexts<string | null>(remedyOf(error_facts) ?? NONE);
  return remedy !== null && <span>{remedy}</span>;
}
