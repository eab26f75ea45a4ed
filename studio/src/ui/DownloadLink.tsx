import type { MouseEvent, ReactNode } from "react";
import { request } from "../api/client";
import { useKey } from "../api/key";

/** A link that saves a file of the service. With a key the page fetches the file itself: a link
 * cannot carry the key. */
export function DownloadLink({
  address,
  file,
  label,
  children,
}: {
  address: string;
  file: string;
  label: string;
  children: ReactNode;
}) {
  const { key } = useKey();
  const save = async (event: MouseEvent<HTMLAnchorElement>) => {
    if (key === null) return;
    event.preventDefault();
    const blob = await (await request(address)).blob();
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
