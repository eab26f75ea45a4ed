import { useState } from "react";
import {
  Button,
  Disclosure,
  DisclosurePanel,
  Heading,
  Input,
  Label,
  TextField,
} from "react-aria-components";
import type { Preset } from "../api/client";
import { Chooser } from "../ui/controls";
import { ChevronIcon } from "../ui/icons";
import { useTrainTexts } from "./texts";

const USUAL = "";
const ELSEWHERE = ["images"]; // has a control of its own

type Schema = Readonly<Record<string, unknown>>;

/** Every field of the recipe that a training may change, folded away. */
export function AdvancedSettings({
  preset,
  overrides,
  onChange,
}: {
  preset: Preset;
  overrides: Readonly<Record<string, string>>;
  onChange: (overrides: Record<string, string>) => void;
}) {
  const t = useTrainTexts();
  const change = (name: string, value: string) => {
    const { [name]: _before, ...others } = overrides;
    onChange(value === "" ? others : { ...others, [name]: value });
  };
  const fields = Object.entries(preset.overrides).filter(([name]) => !ELSEWHERE.includes(name));
  const count = Object.keys(overrides).length;
  return (
    <Disclosure className="advanced" defaultExpanded={count > 0}>
      <Heading level={3}>
        <Button slot="trigger" className="button quiet advanced-button">
          <ChevronIcon />
          {t.advanced}
          {count > 0 && <span className="badge plain">{count}</span>}
        </Button>
      </Heading>
      <DisclosurePanel>
        <p className="muted">{t.advancedHelp}</p>
        <div className="advanced-fields" lang="en">
          {fields.map(([name, schema]) => (
            <Setting
              key={name}
              name={name}
              schema={schema}
              value={overrides[name] ?? ""}
              onChange={(value) => change(name, value)}
            />
          ))}
        </div>
      </DisclosurePanel>
    </Disclosure>
  );
}

function Setting({
  name,
  schema,
  value,
  onChange,
}: {
  name: string;
  schema: Schema;
  value: string;
  onChange: (value: string) => void;
}) {
  const t = useTrainTexts();
  const [text, setText] = useState(value);
  const [known, setKnown] = useState(value);
  if (value !== known) {
    // It was changed elsewhere: another preset has been chosen, for example.
    setKnown(value);
    setText(value);
  }
  const usual = String(schema.default);
  const values = valuesOf(schema);
  if (values !== null) {
    return (
      <div className="field">
        <span className="field-label">{name}</span>
        <Chooser
          label={name}
          choices={[
            { key: USUAL, text: t.usual(usual) },
            ...values.map((other) => ({ key: other, text: other })),
          ]}
          chosen={value}
          onChoose={onChange}
        />
      </div>
    );
  }
  const settle = () => {
    if (text.trim() !== value) onChange(text.trim());
  };
  return (
    <TextField
      className="field"
      value={text}
      onChange={setText}
      onBlur={settle}
      onKeyDown={(event) => {
        if (event.key === "Enter") settle();
      }}
    >
      <Label>{name}</Label>
      <Input placeholder={usual} autoComplete="off" spellCheck="false" maxLength={40} />
    </TextField>
  );
}

/** The values of a field that has only a few; null for numbers and texts. */
function valuesOf(schema: Schema): string[] | null {
  if (Array.isArray(schema.enum)) return schema.enum.map(String);
  return schema.type === "boolean" ? ["true", "false"] : null;
}
