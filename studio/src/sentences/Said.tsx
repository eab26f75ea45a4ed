import { usePreferences } from "../state/preferences";

/** A sentence of the service: as it wrote it in English, in Japanese where its facts are known.
 * `detail`: the English is shown below the Japanese too, because it says more. */
export function Said({
  english,
  japanese,
  detail = false,
}: {
  english: string;
  japanese: string | null;
  detail?: boolean;
}) {
  const [{ language }] = usePreferences();
  if (language === "en") return english;
  if (japanese === null) return <span lang="en">{english}</span>;
  if (!detail || english === "") return japanese;
  return (
    <>
      {japanese}
      <span className="service-words" lang="en">
        {english}
      </span>
    </>
  );
}
