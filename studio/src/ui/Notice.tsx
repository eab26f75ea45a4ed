import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import { Mark } from "./icons";

/** A message in place of a screen. `busy`: what goes on meanwhile; `progress`: from 0 to 1. */
export function Notice({
  title,
  text,
  busy,
  progress,
  action,
  quiet = false,
}: {
  title: string;
  text?: ReactNode;
  busy?: string;
  progress?: number;
  action?: { text: string; onPress: () => void };
  quiet?: boolean;
}) {
  return (
    <main className={`notice ${quiet ? "quiet" : ""}`} aria-live="polite">
      <Mark />
      <h1>{title}</h1>
      {text && <p>{text}</p>}
      {progress !== undefined && <progress value={progress} aria-label={title} />}
      {busy && <p className="busy">{busy}</p>}
      {action && (
        <Button className="button primary" onPress={action.onPress}>
          {action.text}
        </Button>
      )}
    </main>
  );
}
