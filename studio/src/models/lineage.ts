/** Where imported weights come from, as their file says it. */
export interface Origin {
  model: string | null;
  dataset: { name: string; images: number | null } | null;
}

/** Reads the lineage of an import, which comes from elsewhere: what has another type is left out. */
export function originOf(lineage: unknown): Origin | null {
  const last = object(lineage);
  if (last === null) return null;
  const first = object(last.imported) ?? last; // however often it was imported since
  const dataset = object(first.dataset);
  return {
    model: text(first.model),
    dataset:
      dataset !== null && text(dataset.name) !== null
        ? {
            name: text(dataset.name) ?? "",
            images: typeof dataset.images === "number" ? dataset.images : null,
          }
        : null,
  };
}

function object(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
