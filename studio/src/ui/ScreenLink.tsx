import type { AnchorHTMLAttributes, MouseEvent } from "react";
import { serviceUrl } from "../api/client";
import { navigate } from "../state/address";

type Attributes = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href" | "onClick">;

/** A link to a state of the page, which a click shows without loading the page again. */
export function ScreenLink({ query, ...attributes }: Attributes & { query: string }) {
  const open = (event: MouseEvent) => {
    const elsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (elsewhere || event.button !== 0) return;
    event.preventDefault();
    navigate(query);
  };
  return <a {...attributes} href={serviceUrl(`/${query}`)} onClick={open} />;
}
