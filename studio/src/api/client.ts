import createClient from "openapi-fetch";
import { currentKey, refuseKey } from "./key";
import { Problem, problemFrom } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Model = Schemas["ModelView"];
export type Checkpoint = Schemas["CheckpointView"];
export type NamedLatent = Schemas["NamedLatentView"];
export type ImageAnswer = Schemas["ImageAnswer"];
export type FoundItem = Schemas["FoundItem"];
export type Latent = Schemas["Latent"];
export type Direction = Schemas["DirectionView"];
export type Dataset = Schemas["DatasetView"];
export type Preset = Schemas["PresetView"];
export type Job = Schemas["JobView"];
export type JobRequest = Schemas["JobRequest"];

/** The absolute address of a path of the service; the prefix of a proxy is in the page's base. */
export function serviceUrl(path: string): string {
  return new URL(path.replace(/^\//, ""), document.baseURI).href;
}

/** The absolute address of a path that a response names, which has the prefix already. */
export function answeredUrl(path: string): string {
  return new URL(path, document.baseURI).href;
}

/** Requests an address with the key; throws Problem unless the response is a success. */
export async function request(input: Request | string, init?: RequestInit): Promise<Response> {
  const sent = new Request(input, init);
  const key = currentKey();
  if (key !== null) sent.headers.set("Authorization", `Bearer ${key}`);
  let response: Response;
  try {
    response = await fetch(sent);
  } catch (error) {
    if (sent.signal.aborted) throw error;
    throw new Problem(0, "");
  }
  if (response.status === 401) refuseKey(key);
  if (!response.ok && response.status !== 304) throw await problemOf(response);
  return response;
}

export const api = createClient<paths>({
  baseUrl: serviceUrl("").replace(/\/$/, ""),
  fetch: request,
});

/** Serialises a request body as multipart form data. Pass files through `binary`: OpenAPI types them
 * as strings. */
export function formOf(body: object): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) {
    if (value !== undefined && value !== null) form.set(name, value);
  }
  return form;
}

/** A file as the type that OpenAPI gives it. */
export function binary(file: Blob): string {
  return file as unknown as string;
}

async function problemOf(response: Response): Promise<Problem> {
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  const body = await response.text().catch(() => "");
  return problemFrom(response.status, body, retryAfter);
}

/** The data of a call of `api`, which throws for every error. */
export async function data<T>(call: Promise<{ data?: T }>): Promise<T> {
  const { data: value } = await call;
  if (value === undefined) throw new Problem(0, "");
  return value;
}
