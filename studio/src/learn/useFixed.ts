import { useMemo } from "react";
import { usePreferences } from "../state/preferences";

/** Formats numbers with a fixed number of decimals, so that they do not jump while they change. */
export function useFixed(): (value: number | undefined, digits: number) => string {
  const [{ language }] = usePreferences();
  return useMemo(() => {
    const formats = [0, 1, 2, 3].map(
      (digits) =>
        new Intl.NumberFormat(language, {
          minimumFractionDigits: digits,
          maximumFractionDigits: digits,
        }),
    );
    return (value, digits) =>
      value === undefined || !Number.isFinite(value)
        ? "–"
        : (formats[digits]?.format(value) ?? "").replace(/^-(?=[0.,]*$)/, "").replace("-", "−");
  }, [language]);
}
