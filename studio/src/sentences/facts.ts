import { formatsOf } from "../i18n/formats";

/** The members of a union of facts that can have this kind. */
type Of<Fact, Kind> = Fact extends { kind: infer Own } ? (Kind extends Own ? Fact : never) : never;

/** A sentence for every kind of a fact: a kind without one does not compile. The sentence is null
 * where the figures are missing, as in what older versions have stored. */
export type Sentences<Fact extends { kind: string }> = {
  [Kind in Fact["kind"]]: (fact: Of<Fact, Kind>) => string | null;
};

/** The sentence of a fact; null where there is none, and the service's own has to be shown. */
export function sentenceOf<Fact extends { kind: string }>(
  sentences: Sentences<Fact>,
  fact: Fact | null | undefined,
): string | null {
  if (!fact) return null;
  // A newer service may know kinds that this page does not.
  const sentence = sentences[fact.kind as Fact["kind"]] as
    | ((fact: Fact) => string | null)
    | undefined;
  return sentence?.(fact) ?? null;
}

export const { bytes, duration } = formatsOf("ja");

export function n(value: number, digits = 0): string {
  return new Intl.NumberFormat("ja", { maximumFractionDigits: digits }).format(value);
}

/** `12 %`, `3.4 %`, `0.1 % 未満`. */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) return "0.1 % 未満";
  return `${n(100 * share, share >= 0.1 ? 0 : 1)} %`;
}

/** A score with two significant digits. */
export function score(value: number): string {
  return value.toPrecision(2);
}

/** The first files or names, and that there are more. */
export function listed(names: readonly string[], count = names.length): string {
  return `${names.join("、")}${count > names.length ? " など" : ""}`;
}
