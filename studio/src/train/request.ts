import type { Dataset, JobRequest, Preset } from "../api/client";
import type { TrainState } from "./address";

/** The presets that suit the pictures and the device, best first, and the others. */
export function sortPresets(
  presets: readonly Preset[],
  dataset: Dataset,
  isGpu: boolean,
): { first: Preset[]; others: Preset[] } {
  const [height, width, channels] = dataset.shape ?? [];
  const isDigits = height === 28 && width === 28 && channels === 1;
  const order = isDigits
    ? ["small-data", "mlp", "mlp-relu", "dcgan"]
    : ["small-data", "dcgan", ...(isGpu ? ["dcgan-paper", "r3gan"] : [])];
  const first = order.flatMap((name) => presets.filter((preset) => preset.name === name));
  return { first, others: presets.filter((preset) => !first.includes(preset)) };
}

/** The body that queues the training, or asks what it would take. A training that starts from a
 * checkpoint has the checkpoint's preset unless the address names one. */
export function jobRequest(
  dataset: Dataset,
  preset: Preset,
  model: string,
  images: number,
  { preset: named, from, overrides }: Pick<TrainState, "preset" | "from" | "overrides">,
): JobRequest {
  const { stability, ...fields } = overrides;
  const values = Object.entries(fields).map(([name, text]) => [
    name,
    overrideValue(preset.overrides[name], text),
  ]);
  return {
    kind: "train",
    dataset: dataset.name,
    model,
    images,
    ...(from !== null && named === null
      ? {}
      : { preset: preset.name as NonNullable<JobRequest["preset"]> }),
    ...(from === null ? {} : { resume_from: from }),
    ...(stability === "auto" || stability === "off" ? { stability } : {}),
    ...(values.length === 0 ? {} : { overrides: Object.fromEntries(values) }),
  };
}

/** The value of an override as the type of its field wants it; text that does not fit stays text,
 * which the service refuses with the reason. */
export function overrideValue(schema: Record<string, unknown> | undefined, text: string): unknown {
  const types = [schema?.type].flat();
  if (text === "null" && types.includes("null")) return null;
  if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  if (types.includes("integer") || types.includes("number")) {
    const number = Number(text);
    return Number.isFinite(number) ? number : text;
  }
  return text;
}

/** A name that no model has yet. */
export function freeName(wanted: string, taken: readonly string[]): string {
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? "" : `-${number}`;
    const name = `${wanted.slice(0, 64 - suffix.length)}${suffix}`;
    if (!taken.includes(name)) return name;
  }
}
