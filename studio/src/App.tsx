import { useQueryClient } from "@tanstack/react-query";
import { Suspense, useEffect, useState } from "react";
import { useKey } from "./api/key";
import { Problem } from "./api/problem";
import { useModels } from "./api/queries";
import { useTexts } from "./i18n";
import { KeyForm } from "./KeyForm";
import { Rail } from "./Rail";
import { SCREEN_ENTRIES } from "./screens";
import { ErrorText } from "./sentences/ErrorText";
import { useScreen } from "./state/screen";
import { Notice } from "./ui/Notice";

export function App() {
  return (
    <div className="app">
      <Rail />
      <Content />
      <Connection />
    </div>
  );
}

/** The screen that the address names, once the service answers. */
function Content() {
  const { t } = useTexts();
  const { needed, key } = useKey();
  const models = useModels();
  const error = useLastError(models);
  const screen = useScreen();
  const client = useQueryClient();

  useEffect(() => {
    if (key !== null) void client.invalidateQueries();
  }, [key, client]);

  const entry = SCREEN_ENTRIES.find(({ id }) => id === screen) ?? SCREEN_ENTRIES[0];
  if (entry === undefined) throw new Error("the page has no screens");
  const title = `${entry.label(t)} · Moggy`;
  useEffect(() => {
    document.title = title;
  }, [title]);

  if (needed) return <KeyForm />;
  if (models.data === undefined) {
    if (isOffline(error)) {
      return <Notice title={t.offline} text={t.offlineHelp} busy={t.reconnecting} />;
    }
    if (error !== null) {
      return (
        <Notice
          title={t.failed}
          text={<ErrorText error={error} />}
          action={{ text: t.retry, onPress: () => void models.refetch() }}
        />
      );
    }
    return <Notice title={t.loading} quiet />;
  }
  return (
    <Suspense fallback={<Notice title={t.loading} quiet />}>
      <entry.Content />
    </Suspense>
  );
}

/** Says that the service has stopped answering; what the page has stays on it. */
function Connection() {
  const { t } = useTexts();
  const models = useModels();
  const lost = models.data !== undefined && isOffline(models.error);
  return (
    <p className={`connection ${lost ? "lost" : ""}`} role="status">
      {lost && t.connectionLost}
    </p>
  );
}

/** The last error of a query until its data arrive. The query clears its own error at the start of
 * each request, each second: the message would blink, and its button would lose the focus. */
function useLastError({ data, error }: ReturnType<typeof useModels>): Error | null {
  const [last, setLast] = useState<Error | null>(null);
  // A refused key is no error of the request that is made with the next one.
  const isOfOldKey = error === null && last instanceof Problem && last.status === 401;
  const kept = data === undefined && !isOfOldKey ? (error ?? last) : null;
  if (kept !== last) setLast(kept);
  return kept;
}

function isOffline(error: Error | null): boolean {
  return error instanceof Problem && error.status === 0;
}
