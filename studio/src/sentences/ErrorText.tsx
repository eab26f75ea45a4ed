import { Problem } from "../api/problem";
import { useTexts } from "../i18n";
import { problemOf } from "./problems";
import { Said } from "./Said";

/** What went wrong with a request. In Japanese its kind comes first, then the service's words. */
export function ErrorText({ error }: { error: Error }) {
  const { t } = useTexts();
  const problem = error instanceof Problem ? error : null;
  if (problem?.status === 0) return t.offline;
  const japanese = problem === null ? null : problemOf(problem);
  return <Said english={error.message} japanese={japanese} detail />;
}
