import { useSyncExternalStore } from "react";
import { api, binary, data, formOf, type Schemas } from "../api/client";
import { isMissing, Problem } from "../api/problem";
import type { UploadFields } from "./packing";
import { PieceSize } from "./pieceSize";
import { forgetUpload, knownUpload, rememberUpload } from "./rememberedUploads";
import type { Selection, Source } from "./sources";

/** How far the upload of the page is. `waiting`: the service does not answer. */
export interface UploadState {
  phase: "sending" | "paused" | "waiting" | "packing" | "failed";
  selection: Selection;
  fields: UploadFields;
  sent: number;
  error: Error | null;
}

const RETRY_MS = { first: 500, most: 8000 };

const listeners = new Set<() => void>();
let state: UploadState | null = null;
let running: AbortController | null = null;

/** The upload of the page, which goes on while another screen is shown. */
export function useUpload(): UploadState | null {
  return useSyncExternalStore(subscribe, () => state);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function set(next: UploadState | null): void {
  state = next;
  for (const listener of listeners) listener();
}

/** Sends what was chosen and makes a dataset of it; resolves with it, or with null if it did not
 * get so far. A file of which a part was sent before continues there. */
export async function upload(
  selection: Selection,
  fields: UploadFields,
): Promise<Schemas["DatasetView"] | null> {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  set({ phase: "sending", selection, fields, sent: 0, error: null });
  const patch = (change: Partial<UploadState>) => {
    if (state !== null && !signal.aborted) set({ ...state, ...change });
  };
  try {
    const ids: string[] = [];
    const pieceSize = new PieceSize();
    let before = 0;
    for (const source of selection.sources) {
      const offset = before;
      const id = await sendSource(
        source,
        pieceSize,
        signal,
        (sent) => patch({ phase: "sending", sent: offset + sent, error: null }),
        () => patch({ phase: "waiting" }),
      );
      ids.push(id);
      before += source.blob.size;
    }
    patch({ phase: "packing", sent: selection.bytes });
    const dataset = await createDataset(fields, ids, signal);
    for (const source of selection.sources) forgetUpload(source.id);
    set(null);
    return dataset;
  } catch (error) {
    if (!signal.aborted) {
      patch({ phase: "failed", error: error instanceof Error ? error : new Error(String(error)) });
    }
    return null;
  }
}

/** Stops sending. What was sent stays, so that `upload` continues there. */
export function pauseUpload(): void {
  running?.abort();
  if (state !== null) set({ ...state, phase: "paused" });
}

/** Stops, and deletes what was sent. */
export function discardUpload(): void {
  running?.abort();
  for (const source of state?.selection.sources ?? []) {
    const id = knownUpload(source.id);
    forgetUpload(source.id);
    if (id === null) continue;
    // It would be deleted after a day in any case.
    const params = { path: { upload_id: id } };
    void api.DELETE("/v1/uploads/{upload_id}", { params }).catch(() => {});
  }
  set(null);
}

async function sendSource(
  source: Source,
  pieceSize: PieceSize,
  signal: AbortSignal,
  onProgress: (sent: number) => void,
  onWaiting: () => void,
): Promise<string> {
  let delay = RETRY_MS.first;
  while (true) {
    let bytes = 0; // of the last piece
    try {
      const begun = await beginOrContinue(source, signal);
      let sent = begun.received;
      onProgress(sent);
      while (sent < source.blob.size) {
        const piece = source.blob.slice(sent, sent + pieceSize.of(source.blob.size));
        bytes = piece.size;
        const began = performance.now();
        const answer = await data(
          api.PATCH("/v1/uploads/{upload_id}", {
            params: { path: { upload_id: begun.id }, query: { offset: sent } },
            headers: { "Content-Type": "application/octet-stream" },
            body: binary(piece),
            bodySerializer: (body) => body,
            signal,
          }),
        );
        sent = answer.received;
        pieceSize.sent(bytes, performance.now() - began);
        rememberUpload(source.id, {
          id: begun.id,
          name: source.name,
          sent,
          bytes: source.blob.size,
        });
        onProgress(sent);
        delay = RETRY_MS.first;
      }
      return begun.id;
    } catch (error) {
      if (signal.aborted) throw error;
      if (isRefusedByProxy(error) && pieceSize.refused(bytes)) continue;
      if (!mayPass(error)) throw error;
      onWaiting();
      pieceSize.failed();
      await new Promise((resolve) => setTimeout(resolve, delay));
      delay = Math.min(2 * delay, RETRY_MS.most);
      if (signal.aborted) throw error;
    }
  }
}

/** Whether the connection or the service may recover, or another page has sent a piece. */
function mayPass(error: unknown): boolean {
  return error instanceof Problem && [0, 408, 409, 429, 502, 503, 504].includes(error.status);
}

/** Whether a body was too large for a proxy: what the service says is about the whole file. */
function isRefusedByProxy(error: unknown): boolean {
  return error instanceof Problem && error.status === 413 && error.kind === null;
}

async function beginOrContinue(
  source: Source,
  signal: AbortSignal,
): Promise<Schemas["UploadView"]> {
  const known = knownUpload(source.id);
  if (known !== null) {
    try {
      return await data(
        api.GET("/v1/uploads/{upload_id}", { params: { path: { upload_id: known } }, signal }),
      );
    } catch (error) {
      if (!(error instanceof Error && isMissing(error))) throw error;
      forgetUpload(source.id);
    }
  }
  const begun = await data(
    api.POST("/v1/uploads", { body: { name: source.name, bytes: source.blob.size }, signal }),
  );
  const { id, name, bytes } = begun;
  rememberUpload(source.id, { id, name, sent: 0, bytes });
  return begun;
}

function createDataset(
  fields: UploadFields,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Schemas["DatasetView"]> {
  const body = { ...fields, upload: ids.join(",") };
  return data(api.POST("/v1/datasets", { body, bodySerializer: formOf, signal }));
}
