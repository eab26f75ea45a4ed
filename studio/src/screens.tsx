import { type ComponentType, lazy, type ReactNode } from "react";
import { ExploreScreen } from "./explore/ExploreScreen";
import type { Messages } from "./i18n/en";
import type { Screen } from "./state/screen";
import { GridIcon, LearnIcon, ModelsIcon, QueueIcon, TrainIcon } from "./ui/icons";

export interface ScreenEntry {
  id: Screen;
  label: (t: Messages) => string;
  icon: ReactNode;
  /** Loaded when it is first shown, except for the first screen. */
  Content: ComponentType;
}

/** The screens, in the order of the rail. */
export const SCREEN_ENTRIES: readonly ScreenEntry[] = [
  { id: "explore", label: (t) => t.explore, icon: <GridIcon />, Content: ExploreScreen },
  {
    id: "train",
    label: (t) => t.train,
    icon: <TrainIcon />,
    Content: lazy(() => import("./train/TrainScreen")),
  },
  {
    id: "jobs",
    label: (t) => t.jobs,
    icon: <QueueIcon />,
    Content: lazy(() => import("./jobs/JobsScreen")),
  },
  {
    id: "models",
    label: (t) => t.models,
    icon: <ModelsIcon />,
    Content: lazy(() => import("./models/ModelsScreen")),
  },
  {
    id: "learn",
    label: (t) => t.learn,
    icon: <LearnIcon />,
    Content: lazy(() => import("./learn/Learn")),
  },
];
