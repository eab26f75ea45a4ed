import { useState } from "react";
import {
  Button,
  FieldError,
  Form,
  Input,
  Label,
  TextField,
  ToggleButton,
  ToggleButtonGroup,
} from "react-aria-components";
import { useDirections, useTeachDirection } from "../api/directions";
import { isName } from "../api/names";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { captionOf, type LatentRef } from "../pictures/latent";
import { Picture } from "../pictures/Picture";
import type { ChangeView } from "../state/useView";
import { MAX_EXAMPLES, NO_LESSON, SIDES, type Side, type View } from "../state/view";
import { Segments } from "../ui/controls";
import { CloseIcon, SwapIcon, TeachIcon } from "../ui/icons";
import { IndexProgress } from "./IndexProgress";
import { FEWEST_EXAMPLES, markExample } from "./marks";

/** Teaches a direction by the pictures that are marked on the wall for its two sides. */
export function TeachStage({ view, change }: { view: View; change: ChangeView }) {
  const { t, n } = useTexts();
  const sides = SIDES.map((side) => ({
    key: side,
    text: `${t[`side_${side}`]} · ${n(view[side].length)}`,
  }));
  return (
    <>
      <p className="prompt">{t.teachHelp}</p>
      <Segments
        label={t.teachSide}
        choices={sides}
        chosen={view.teach ?? "more"}
        onChoose={(side) => change({ teach: side }, { replace: true })}
      />
      {SIDES.map((side) => (
        <Tray
          key={side}
          side={side}
          examples={view[side]}
          isActive={view.teach === side}
          onRemove={(ref) => change((before) => markExample(before, ref, side))}
        />
      ))}
      <Button
        className="button quiet swap"
        isDisabled={view.more.length + view.less.length === 0}
        onPress={() => change({ more: view.less, less: view.more })}
      >
        <SwapIcon />
        {t.swapExamples}
      </Button>
      <TeachForm view={view} change={change} />
    </>
  );
}

/** The pictures of a side. */
function Tray({
  side,
  examples,
  isActive,
  onRemove,
}: {
  side: Side;
  examples: readonly LatentRef[];
  isActive: boolean;
  onRemove: (ref: LatentRef) => void;
}) {
  const { t, n } = useTexts();
  const name = t[`side_${side}`];
  const missing = FEWEST_EXAMPLES - examples.length;
  return (
    <section className={`tray ${isActive ? "active" : ""}`} aria-label={name}>
      <h3>{name}</h3>
      {examples.length > 0 && (
        <ul>
          {examples.map((ref) => (
            <li key={ref}>
              <Picture latent={ref} label={t.picture(captionOf(ref))} />
              <Button
                className="tray-remove"
                aria-label={t.removeExample(captionOf(ref), name)}
                onPress={() => onRemove(ref)}
              >
                <CloseIcon />
              </Button>
            </li>
          ))}
        </ul>
      )}
      {missing > 0 && <p className="muted">{t.examplesMissing(n(missing))}</p>}
      {examples.length === MAX_EXAMPLES && (
        <p className="muted">{t.examplesFull(n(MAX_EXAMPLES))}</p>
      )}
    </section>
  );
}

function TeachForm({ view, change }: { view: View; change: ChangeView }) {
  const { t } = useTexts();
  const { source } = usePictures();
  const directions = useDirections(source.model);
  const teach = useTeachDirection(source);
  const [name, setName] = useState(view.teachAs ?? "");
  const items = directions.data?.items ?? [];
  const { more, less, independentOf } = view;
  const wrong = name !== "" && !isName(name);
  const enough = Math.min(more.length, less.length) >= FEWEST_EXAMPLES;
  const start = () => {
    if (!enough || !isName(name)) return;
    const lesson = { name, more, less, orthogonalTo: independentOf };
    // The slider is shown on a picture that the direction leads to, with what is known of it.
    const shown = { show: view.show ?? more[0] ?? null, direction: name };
    teach.mutate(lesson, {
      onSuccess: () => change({ ...shown, ...NO_LESSON, morph: [] }),
    });
  };
  return (
    <Form
      className="teach-form"
      onSubmit={(event) => {
        event.preventDefault();
        start();
      }}
    >
      <TextField
        className="field"
        value={name}
        isInvalid={wrong}
        onChange={(text) => {
          setName(text);
          change({ teachAs: isName(text) ? text : null }, { replace: true });
          teach.reset();
        }}
      >
        <Label>{t.directionName}</Label>
        <Input placeholder={t.name} maxLength={64} autoComplete="off" spellCheck="false" />
        <FieldError className="field-error">{t.directionNameRule}</FieldError>
      </TextField>
      {items.length > 0 && (
        <div className="orthogonal">
          <h3>{t.orthogonalTo}</h3>
          <ToggleButtonGroup
            aria-label={t.orthogonalTo}
            className="chips"
            selectionMode="multiple"
            selectedKeys={independentOf}
            onSelectionChange={(keys) =>
              change({ independentOf: [...keys].map(String) }, { replace: true })
            }
          >
            {items.map((direction) => (
              <ToggleButton key={direction.name} id={direction.name} className="chip">
                {direction.name}
              </ToggleButton>
            ))}
          </ToggleButtonGroup>
          <p className="muted">{t.orthogonalHelp}</p>
        </div>
      )}
      <Button
        type="submit"
        className="button primary"
        isDisabled={!enough || name === "" || wrong || teach.isPending}
      >
        <TeachIcon />
        {t.teach}
      </Button>
      <div className="teach-state" role="status">
        {teach.isPending && (
          <>
            <span className="muted">{t.teaching}</span>
            <progress aria-label={t.teaching} />
          </>
        )}
        {teach.error && <IndexProgress error={teach.error} onIndexed={start} />}
      </div>
    </Form>
  );
}
