import type { MouseEvent, ReactNode } from "react";
import { request } from "../api/client";
import { useKey } from "../api/key";
import { useTexts } from "../i18n";

/** A link for each format in which something can be saved. */
export function DownloadLinks<Format extends string>({
  formats,
  address,
  file,
  body,
}: {
  formats: readonly Format[];
  address: (format: Format) => string;
  /** What is posted to the address, if it is not simply fetched. */
  body?: (format: Format) => object | undefined;
  file: (format: Format) => string;
}) {
  const { t } = useTexts();
  return (
    <div className="chips">
      {formats.map((format) => (
        <DownloadLink
          key={format}
          address={address(format)}
          file={file(format)}
          label={t.downloadAs(format.toUpperCase())}
          body={body?.(format)}
        >
          {format.toUpperCase()}
        </DownloadLink>
      ))}
    </div>
  );
}

/** A link that saves a file of the service, or the response to a body. With a key or a body the page
 * fetches the file itself: a link carries neither. */
function DownloadLink({
  address,
  file,
  label,
  body,
  children,
}: {
  address: string;
  body?: object | undefined;
  file: string;
  label: string;
  children: ReactNode;
}) {
  const { key } = useKey();
  const save = async (event: MouseEvent<HTMLAnchorElement>) => {
    if (key === null && body === undefined) return;
    event.preventDefault();
    const post = {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    };
    const blob = await (await request(address, body && post)).blob();
    const url = URL.createObjectURL(blob);
    const link = document.createElement("a");
    link.href = url;
    link.download = file;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <a
      className="chip"
      href={address}
      download={file}
      aria-label={label}
      onClick={(event) => void save(event)}
    >
      {children}
    </a>
  );
}
