import { storageKey } from "../state/storage";

/** An upload whose file, chosen again, continues where it was interrupted. */
export interface RememberedUpload {
  id: string;
  name: string;
  sent: number;
  bytes: number;
}

const STORED = storageKey("uploads");

export function rememberedUploads(): Record<string, RememberedUpload> {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "{}") as Record<string, RememberedUpload>;
  } catch {
    return {};
  }
}

export function knownUpload(source: string): string | null {
  return rememberedUploads()[source]?.id ?? null;
}

export function rememberUpload(source: string, upload: RememberedUpload): void {
  write({ ...rememberedUploads(), [source]: upload });
}

export function forgetUpload(source: string): void {
  const { [source]: _forgotten, ...others } = rememberedUploads();
  write(others);
}

function write(uploads: Record<string, RememberedUpload>): void {
  try {
    localStorage.setItem(STORED, JSON.stringify(uploads));
  } catch {
    // Without storage an upload continues only while the page is open.
  }
}
