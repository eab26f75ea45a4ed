import { type MouseEvent, type ReactNode, useState } from "react";
import { request } from "../api/client";
import { useKey } from "../api/key";
import { ErrorText } from "../sentences/ErrorText";

/** A link that saves a file of the service, or the response to a body. With a key or a body the page
 * fetches the file itself: a link carries neither. `label` is for content that does not say enough. */
export function DownloadLink({
  address,
  file,
  label,
  body,
  className = "chip",
  children,
}: {
  address: string;
  body?: object | undefined;
  file: string;
  label?: string;
  className?: string;
  children: ReactNode;
}) {
  const { key } = useKey();
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const save = async (event: MouseEvent<HTMLAnchorElement>) => {
    if (key === null && body === undefined) return;
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setError(null);
    const post = {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    };
    try {
      saveAs(await (await request(address, body && post)).blob(), file);
    } catch (reason) {
      setError(reason instanceof Error ? reason : new Error(String(reason)));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <a
        className={`${className} ${isBusy ? "busy" : ""}`}
        href={address}
        download={file}
        aria-label={label}
        aria-busy={isBusy}
        onClick={(event) => void save(event)}
      >
        {children}
      </a>
      {error !== null && (
        <span className="field-error" role="alert">
          <ErrorText error={error} />
        </span>
      )}
    </>
  );
}

/** Saves a file that the page has. */
export function saveAs(blob: Blob, file: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = file;
  link.click();
  URL.revokeObjectURL(url);
}
