import { Problem } from "../api/problem";
import { useTexts } from "../i18n";
import { problemOf } from "./problems";
import { Said } from "./Said";

/** What went wrong with a request. In Japanese its kind comes first, then the service's words. */
export function ErrorText({ error }: { error: Error }) {
  const { t } = useTexts();
  if (error.message === "") return t.offline;
  const japanese = error instanceof Problem && error.status !== 0 ? problemOf(error) : null;
  return <Said english={error.message} japanese={japanese} detail />;
}
