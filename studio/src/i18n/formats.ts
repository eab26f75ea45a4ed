import { useMemo } from "react";
import { usePreferences } from "../state/preferences";
import type { Language } from ".";

const BYTE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;
const TIME_UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

export interface Formats {
  bytes: (bytes: number) => string;
  /** Its two largest units. */
  duration: (seconds: number) => string;
  /** Date and time of an ISO timestamp, in the time zone of the browser. */
  moment: (timestamp: string) => string;
}

/** Sizes, durations and moments as the chosen language writes them. */
export function useFormats(): Formats {
  const [{ language }] = usePreferences();
  return useMemo(() => formatsOf(language), [language]);
}

export function formatsOf(language: Language): Formats {
  const unit = (value: number, name: string, digits = 0) =>
    new Intl.NumberFormat(language, {
      style: "unit",
      unit: name,
      unitDisplay: "short",
      maximumFractionDigits: digits,
    }).format(value);
  return {
    bytes: (bytes) => {
      const power = bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3);
      const index = Math.min(power, BYTE_UNITS.length - 1);
      return unit(bytes / 1000 ** index, BYTE_UNITS[index] ?? "byte", index === 0 ? 0 : 1);
    },
    duration: (seconds) => {
      const whole = Math.round(seconds);
      const first = Math.max(
        0,
        TIME_UNITS.findIndex(([, size]) => whole >= size),
      );
      let rest = whole;
      const parts: string[] = [];
      for (const [name, size] of TIME_UNITS.slice(whole < 1 ? -1 : first).slice(0, 2)) {
        const count = Math.floor(rest / size);
        rest -= count * size;
        if (count > 0 || whole < 1) parts.push(unit(count, name));
      }
      return parts.join(" ");
    },
    moment: (timestamp) =>
      new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(
        new Date(timestamp),
      ),
  };
}
