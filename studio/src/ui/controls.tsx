import type { ReactNode } from "react";
import {
  Button,
  type ButtonProps,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Select,
  SelectValue,
  Slider,
  SliderThumb,
  SliderTrack,
  ToggleButton,
  ToggleButtonGroup,
  Tooltip,
  TooltipTrigger,
} from "react-aria-components";
import { ChevronIcon } from "./icons";

/** A button that shows only an icon; its name appears when one points at it. */
export function IconButton({
  label,
  children,
  className = "",
  ...button
}: ButtonProps & { label: string; children: ReactNode; className?: string }) {
  return (
    <TooltipTrigger delay={500} closeDelay={80}>
      <Button {...button} aria-label={label} className={`icon-button ${className}`}>
        {children}
      </Button>
      <Tooltip className="tooltip" offset={6}>
        {label}
      </Tooltip>
    </TooltipTrigger>
  );
}

export interface Choice<Key extends string> {
  key: Key;
  text: string;
  detail?: string;
}

/** A choice from a list that opens. */
export function Chooser<Key extends string>({
  label,
  choices,
  chosen,
  onChoose,
  className = "",
}: {
  label: string;
  choices: readonly Choice<Key>[];
  chosen: Key;
  onChoose: (key: Key) => void;
  className?: string;
}) {
  return (
    <Select
      aria-label={label}
      className={`chooser ${className}`}
      value={chosen}
      onChange={(key) => onChoose(key as Key)}
    >
      <Button className="chooser-button">
        <SelectValue>
          {({ defaultChildren }) =>
            choices.find((choice) => choice.key === chosen)?.text ?? defaultChildren
          }
        </SelectValue>
        <ChevronIcon />
      </Button>
      <Popover className="popover list" offset={6}>
        <ListBox items={choices.map((choice) => ({ ...choice, id: choice.key }))}>
          {(choice) => (
            <ListBoxItem id={choice.id} textValue={choice.text} className="option">
              <span>{choice.text}</span>
              {choice.detail && <small>{choice.detail}</small>}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </Select>
  );
}

/** One of a few choices that are all visible. */
export function Segments<Key extends string>({
  label,
  choices,
  chosen,
  onChoose,
}: {
  label: string;
  choices: readonly Choice<Key>[];
  chosen: Key;
  onChoose: (key: Key) => void;
}) {
  return (
    <ToggleButtonGroup
      aria-label={label}
      className="segments"
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[chosen]}
      onSelectionChange={(keys) => {
        const [key] = [...keys];
        if (key !== undefined) onChoose(key as Key);
      }}
    >
      {choices.map((choice) => (
        <ToggleButton key={choice.key} id={choice.key} className="segment">
          {choice.text}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}

/** A slider with its label, and its value as text. `centred`: it is filled from its middle on. */
export function LabelledSlider({
  label,
  value,
  minValue,
  maxValue,
  step,
  format,
  centred = false,
  onChange,
  onChangeEnd,
}: {
  label: string;
  value: number;
  minValue: number;
  maxValue: number;
  step: number;
  format?: Intl.NumberFormatOptions;
  centred?: boolean;
  onChange: (value: number) => void;
  onChangeEnd?: (value: number) => void;
}) {
  return (
    <Slider
      className="slider"
      value={value}
      minValue={minValue}
      maxValue={maxValue}
      step={step}
      formatOptions={format ?? {}}
      onChange={onChange}
      onChangeEnd={onChangeEnd ?? (() => {})}
    >
      {({ state }) => {
        const percent = state.getThumbPercent(0) * 100;
        const [left, right] = centred
          ? [Math.min(50, percent), Math.max(50, percent)]
          : [0, percent];
        return (
          <>
            <Label>{label}</Label>
            {!centred && <output>{state.getThumbValueLabel(0)}</output>}
            <SliderTrack className="track">
              <div className="fill" style={{ left: `${left}%`, width: `${right - left}%` }} />
              <SliderThumb className="thumb" />
            </SliderTrack>
          </>
        );
      }}
    </Slider>
  );
}
