import { useState } from "react";
import {
  Button,
  Group,
  Input,
  Label,
  NumberField,
  Slider,
  SliderThumb,
  SliderTrack,
} from "react-aria-components";
import { useTexts } from "../i18n";
import type { Lengths } from "./lengths";
import { useTrainTexts } from "./texts";

const STEP = 1000;
const MARKS = ["quick", "good", "long"] as const;

/** How long the training is: by words, by a slider, or by number. */
export function LengthChoice({
  lengths,
  images,
  pictures,
  onChange,
}: {
  lengths: Lengths;
  images: number;
  pictures: number;
  onChange: (images: number) => void;
}) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const [dragged, setDragged] = useState<number | null>(null);
  const most = Math.max(lengths.long, images);
  const shown = dragged ?? images;
  const marks = MARKS.filter((mark, index) => {
    const before = MARKS[index - 1];
    return before === undefined || lengths[mark] > lengths[before];
  });
  return (
    <div className="length-choice">
      <Group className="chips" aria-label={t.length}>
        {marks.map((mark) => (
          <Button
            key={mark}
            className={`chip ${shown === lengths[mark] ? "chosen" : ""}`}
            aria-pressed={shown === lengths[mark]}
            onPress={() => onChange(lengths[mark])}
          >
            {t[`length_${mark}`]}
          </Button>
        ))}
      </Group>
      <div className="length-line">
        <Slider
          aria-label={t.length}
          className="slider"
          value={shown}
          minValue={STEP}
          maxValue={most}
          step={STEP}
          onChange={setDragged}
          onChangeEnd={(value) => {
            setDragged(null);
            onChange(value);
          }}
        >
          <SliderTrack className="track">
            <div className="fill" style={{ width: `${(100 * shown) / most}%` }} />
            <SliderThumb className="thumb" />
          </SliderTrack>
        </Slider>
        <NumberField
          className="field length-field"
          value={shown}
          minValue={1}
          onChange={(value) => {
            if (Number.isFinite(value)) onChange(value);
          }}
        >
          <Label className="live">{t.imagesField}</Label>
          <Group>
            <Input />
          </Group>
        </NumberField>
        <span className="muted">{t.imagesField}</span>
      </div>
      <p className="muted">{t.views(n(shown / Math.max(1, pictures), shown < pictures ? 1 : 0))}</p>
    </div>
  );
}
