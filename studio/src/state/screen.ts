import { useAddress } from "./address";

export const SCREENS = ["explore", "train", "jobs", "models", "learn"] as const;
export type Screen = (typeof SCREENS)[number];

/** The screen that a query names; Explore where it names none. */
export function screenOf(query: string): Screen {
  const named = new URLSearchParams(query).get("screen");
  return SCREENS.find((screen) => screen === named) ?? "explore";
}

export function useScreen(): Screen {
  return screenOf(useAddress());
}

/** The query of a screen's address, with its parameters; those that are null are left out. */
export function screenQuery(
  screen: Screen,
  parameters: Record<string, string | null> = {},
): string {
  const query = new URLSearchParams(screen === "explore" ? {} : { screen });
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null) query.set(name, value);
  }
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
