import type { ReactNode } from "react";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      {children}
    </svg>
  );
}

export function CloseIcon() {
  return (
    <Icon>
      <path d="m5 5 10 10M15 5 5 15" />
    </Icon>
  );
}

export function PreviousIcon() {
  return (
    <Icon>
      <path d="m12 4.5-5.5 5.5 5.5 5.5" />
    </Icon>
  );
}

export function NextIcon() {
  return (
    <Icon>
      <path d="m8 4.5 5.5 5.5-5.5 5.5" />
    </Icon>
  );
}

export function PlusIcon() {
  return (
    <Icon>
      <path d="M10 4.5v11M4.5 10h11" />
    </Icon>
  );
}

export function MinusIcon() {
  return (
    <Icon>
      <path d="M4.5 10h11" />
    </Icon>
  );
}

export function TeachIcon() {
  return (
    <Icon>
      <path d="M5.5 3v5M3 5.5h5M12 14.5h5M14.5 4.5 4.5 16" />
    </Icon>
  );
}

export function MoreIcon() {
  return (
    <Icon>
      <path className="dots" d="M5 10h.01M10 10h.01M15 10h.01" />
    </Icon>
  );
}

export function ChevronIcon() {
  return (
    <Icon>
      <path d="m5.5 8 4.5 4.5L14.5 8" />
    </Icon>
  );
}

export function UpIcon() {
  return (
    <Icon>
      <path d="M10 16V4.5M5.5 9 10 4.5 14.5 9" />
    </Icon>
  );
}

export function DownIcon() {
  return (
    <Icon>
      <path d="M10 4v11.5M5.5 11l4.5 4.5 4.5-4.5" />
    </Icon>
  );
}

/** Up to a bar. */
export function FrontIcon() {
  return (
    <Icon>
      <path d="M4.5 4h11M10 16.5V7.5M5.8 11.7 10 7.5l4.2 4.2" />
    </Icon>
  );
}

export function DiceIcon() {
  return (
    <Icon>
      <rect x="3.5" y="3.5" width="13" height="13" rx="3" />
      <path className="dots" d="M7.2 7.2h.01M12.8 12.8h.01M12.8 7.2h.01M7.2 12.8h.01" />
    </Icon>
  );
}

export function TuneIcon() {
  return (
    <Icon>
      <path d="M3.5 6.5h6m4 0h3m-13 7h3m4 0h6M11.5 4.7v3.6M8.5 11.7v3.6" />
    </Icon>
  );
}

export function SearchIcon() {
  return (
    <Icon>
      <path d="M13 13l4 4M14.5 9a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0Z" />
    </Icon>
  );
}

export function TagIcon() {
  return (
    <Icon>
      <path d="M3.5 3.5h6l7 7-6 6-7-7z" />
      <path className="dots" d="M7 7h.01" />
    </Icon>
  );
}

export function PlayIcon() {
  return (
    <Icon>
      <path className="solid" d="M6.5 4.3v11.4l9.5-5.7z" />
    </Icon>
  );
}

export function PauseIcon() {
  return (
    <Icon>
      <path className="solid" d="M6 4.5h2.8v11H6zM11.2 4.5H14v11h-2.8z" />
    </Icon>
  );
}

export function SparkIcon() {
  return (
    <Icon>
      <path d="M10 3.5 11.7 8.3 16.5 10l-4.8 1.7L10 16.5l-1.7-4.8L3.5 10l4.8-1.7z" />
    </Icon>
  );
}

export function MorphIcon() {
  return (
    <Icon>
      <path d="M3.5 6.5h4.2c4 0 .6 7 4.6 7h4.2m-2.7-2.7 2.7 2.7-2.7 2.7M3.5 13.5h2.7m6.1-7h4.2" />
    </Icon>
  );
}

export function BookmarkIcon() {
  return (
    <Icon>
      <path d="M5.5 3.5h9v13L10 13.2l-4.5 3.3z" />
    </Icon>
  );
}

export function SwapIcon() {
  return (
    <Icon>
      <path d="M4 7h11.5m-3-3 3 3-3 3M16 13H4.5m3 3-3-3 3-3" />
    </Icon>
  );
}

export function GlobeIcon() {
  return (
    <Icon>
      <circle cx="10" cy="10" r="6.7" />
      <path d="M3.3 10h13.4M10 3.3c4 4.3 4 9.1 0 13.4-4-4.3-4-9.1 0-13.4Z" />
    </Icon>
  );
}

export function SunIcon() {
  return (
    <Icon>
      <circle cx="10" cy="10" r="3.2" />
      <path d="M10 2.8v1.5M10 15.7v1.5M2.8 10h1.5M15.7 10h1.5M4.9 4.9 6 6M14 14l1.1 1.1M4.9 15.1 6 14M14 6l1.1-1.1" />
    </Icon>
  );
}

export function CodeIcon() {
  return (
    <Icon>
      <path d="m7 6-4 4 4 4m6-8 4 4-4 4" />
    </Icon>
  );
}

export function GridIcon() {
  return (
    <Icon>
      <path d="M3.5 3.5h5v5h-5zM11.5 3.5h5v5h-5zM3.5 11.5h5v5h-5zM11.5 11.5h5v5h-5z" />
    </Icon>
  );
}

export function QueueIcon() {
  return (
    <Icon>
      <path d="M7.5 5h9M7.5 10h9M7.5 15h9" />
      <path className="dots" d="M4 5h.01M4 10h.01M4 15h.01" />
    </Icon>
  );
}

export function ModelsIcon() {
  return (
    <Icon>
      <path d="m10 3.2 7 3.6-7 3.6-7-3.6zM3.4 10.3 10 13.7l6.6-3.4M3.4 13.6 10 17l6.6-3.4" />
    </Icon>
  );
}

export function CheckIcon() {
  return (
    <Icon>
      <path d="m4.5 10.5 3.7 3.7 7.3-8" />
    </Icon>
  );
}

export function CompareIcon() {
  return (
    <Icon>
      <path d="M10 3v14M8 5.5H3.5v9H8m4-9h4.5v9H12" />
      <path className="solid" d="M12 5.5h4.5v9H12z" />
    </Icon>
  );
}

export function TrashIcon() {
  return (
    <Icon>
      <path d="M4 6h12M8 6V4h4v2m-6.5 0 .7 10h7.6l.7-10" />
    </Icon>
  );
}

export function HeartIcon({ filled = false }: { filled?: boolean }) {
  return (
    <Icon>
      <path
        className={filled ? "solid" : ""}
        d="M10 16.2 4.6 10.9a3.5 3.5 0 0 1 5-5l.4.4.4-.4a3.5 3.5 0 0 1 5 5z"
      />
    </Icon>
  );
}

export function PhotoIcon() {
  return (
    <Icon>
      <path d="M3.5 5.5h13v10h-13zm0 8 3.5-3.5 2.7 2.7 2.3-2.2 4.5 4.2" />
      <path className="dots" d="M12.7 8.5h.01" />
    </Icon>
  );
}

/** A curve that rises. */
export function TrainIcon() {
  return (
    <Icon>
      <path d="M3.5 3.5v13h13M6.5 13c3.5 0 3-6.5 9-7m-2.5-2 2.5 2-2.2 2.3" />
    </Icon>
  );
}

export function FolderIcon() {
  return (
    <Icon>
      <path d="M3 5.5h5l1.7 2H17v8.5H3z" />
    </Icon>
  );
}

export function PicturesIcon() {
  return (
    <Icon>
      <path d="M6.5 3.5h10v10h-10zM13.5 13.5v3h-10v-10h3M6.5 11l2.8-2.8 2.2 2.2 1.7-1.7 3.3 3.3" />
      <path className="dots" d="M13.4 6.4h.01" />
    </Icon>
  );
}

export function LearnIcon() {
  return (
    <Icon>
      <path d="m2.5 7.5 7.5-3.5 7.5 3.5-7.5 3.5zM5.5 9v4.5c2.6 2 6.4 2 9 0V9M17.5 7.5v5" />
    </Icon>
  );
}

/** The mark of Moggy: a picture with ears. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path
        className="face"
        d="M4 3.6c0-1.3 1.5-2 2.5-1.2L13 8h6l6.5-5.6c1-.8 2.5-.1 2.5 1.2V24a6 6 0 0 1-6 6H10a6 6 0 0 1-6-6z"
      />
      <path className="eyes" d="M10.2 15h3v4.5h-3zM18.8 15h3v4.5h-3z" />
    </svg>
  );
}
