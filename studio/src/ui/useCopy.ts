import { useCallback, useState } from "react";

export type CopyState = "idle" | "copied" | "failed";
const SHOWN_MS = 1600;

/** Copies texts, and says for a moment which one was copied. */
export function useCopy(): [
  { what: string | null; state: CopyState },
  (what: string, text: string) => Promise<void>,
] {
  const [state, setState] = useState<{ what: string | null; state: CopyState }>({
    what: null,
    state: "idle",
  });
  const copy = useCallback(async (what: string, text: string) => {
    const ok = await write(text);
    setState({ what, state: ok ? "copied" : "failed" });
    setTimeout(() => setState({ what: null, state: "idle" }), SHOWN_MS);
  }, []);
  return [state, copy];
}

async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeBySelection(text); // on a page that is not served over https
  }
}

function writeBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const ok = document.execCommand("copy");
  area.remove();
  return ok;
}
