import { useTexts } from "../i18n";
import { Segments } from "../ui/controls";

const SCALES = ["1", "4", "8"] as const;

export type Scale = (typeof SCALES)[number];

/** By what a saved file is enlarged. */
export function ScaleChoice({
  scale,
  onChoose,
}: {
  scale: Scale;
  onChoose: (scale: Scale) => void;
}) {
  const { t } = useTexts();
  return (
    <Segments
      label={t.enlarged}
      choices={SCALES.map((value) => ({ key: value, text: `${value}×` }))}
      chosen={scale}
      onChoose={onChoose}
    />
  );
}
