import { useState } from "react";
import {
  Button,
  FieldError,
  Form,
  Input,
  Menu,
  MenuItem,
  MenuTrigger,
  Popover,
  TextField,
} from "react-aria-components";
import { answeredUrl, type Direction } from "../api/client";
import { useDeleteDirection, useRenameDirection } from "../api/directions";
import { isName } from "../api/names";
import { useTexts } from "../i18n";
import { RemotePicture } from "../pictures/RemotePicture";
import { ErrorText } from "../sentences/ErrorText";
import { DirectionSlider } from "../ui/DirectionSlider";
import { MoreIcon } from "../ui/icons";

/** A direction: its slider and number, what is known of it, and how it is renamed and deleted. */
export function DirectionRow({
  direction,
  amount,
  isOpen,
  onChange,
  onOpen,
  onRenamed,
}: {
  direction: Direction;
  amount: number;
  /** Whether its details are shown. */
  isOpen: boolean;
  onChange: (amount: number) => void;
  onOpen: (isOpen: boolean) => void;
  /** Its new name; null: it is deleted. */
  onRenamed: (name: string | null) => void;
}) {
  const { t } = useTexts();
  const { name } = direction;
  const [doing, setDoing] = useState<"rename" | "delete" | null>(null);
  const actions = {
    details: { text: isOpen ? t.hideDetails : t.showDetails, act: () => onOpen(!isOpen) },
    rename: { text: t.rename, act: () => setDoing("rename") },
    delete: { text: t.delete, act: () => setDoing("delete") },
  };
  return (
    <div className="direction">
      <DirectionSlider
        name={name}
        boxLabel={t.amountOf(name)}
        amount={amount}
        onChange={onChange}
      />
      <MenuTrigger>
        <Button className="icon-button" aria-label={t.more(name)}>
          <MoreIcon />
        </Button>
        <Popover className="popover list" placement="bottom end">
          <Menu aria-label={t.more(name)}>
            {Object.entries(actions).map(([key, { text, act }]) => (
              <MenuItem key={key} id={key} className="option" onAction={act}>
                {text}
              </MenuItem>
            ))}
          </Menu>
        </Popover>
      </MenuTrigger>
      {doing === "rename" && (
        <RenameForm direction={direction} onRenamed={onRenamed} onEnd={() => setDoing(null)} />
      )}
      {doing === "delete" && (
        <DeleteForm
          direction={direction}
          onDeleted={() => onRenamed(null)}
          onEnd={() => setDoing(null)}
        />
      )}
      {isOpen && <DirectionDetails direction={direction} />}
    </div>
  );
}

function RenameForm({
  direction: { model, name: oldName },
  onRenamed,
  onEnd,
}: {
  direction: Direction;
  onRenamed: (name: string) => void;
  onEnd: () => void;
}) {
  const { t } = useTexts();
  const rename = useRenameDirection(model);
  const [name, setName] = useState(oldName);
  const failure = rename.error === null ? undefined : <ErrorText error={rename.error} />;
  const error = isName(name) ? failure : t.directionNameRule;
  return (
    <Form
      className="direction-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isName(name)) return;
        const done = () => {
          onRenamed(name);
          onEnd();
        };
        if (name === oldName) onEnd();
        else rename.mutate({ direction: oldName, name }, { onSuccess: done });
      }}
    >
      <TextField
        className="field"
        aria-label={t.directionName}
        value={name}
        isInvalid={error !== undefined}
        onChange={(text) => {
          setName(text);
          rename.reset();
        }}
        autoFocus
      >
        <div className="field-row">
          <Input maxLength={64} autoComplete="off" spellCheck="false" />
          <Button type="submit" className="button" isDisabled={rename.isPending}>
            {t.rename}
          </Button>
          <Button className="button quiet" onPress={onEnd}>
            {t.cancel}
          </Button>
        </div>
        <FieldError className="field-error">{error}</FieldError>
      </TextField>
    </Form>
  );
}

function DeleteForm({
  direction: { model, name },
  onDeleted,
  onEnd,
}: {
  direction: Direction;
  onDeleted: () => void;
  onEnd: () => void;
}) {
  const { t } = useTexts();
  const remove = useDeleteDirection(model);
  return (
    <div className="direction-form row">
      <p>{t.deleteDirection(name)}</p>
      <span className="field-row">
        <Button
          className="button danger"
          isDisabled={remove.isPending}
          onPress={() => remove.mutate(name, { onSuccess: onDeleted })}
          autoFocus
        >
          {t.delete}
        </Button>
        <Button className="button quiet" onPress={onEnd}>
          {t.cancel}
        </Button>
      </span>
      {remove.error && (
        <p role="alert">
          <ErrorText error={remove.error} />
        </p>
      )}
    </div>
  );
}

/** What is known of a direction, and a picture of seeds that are moved along it. */
function DirectionDetails({ direction }: { direction: Direction }) {
  const { t, n } = useTexts();
  const { accuracy, raised, positive, negative, orthogonal_to: orthogonal } = direction;
  const percent = (value: number) => n(100 * value);
  return (
    <div className="direction-details">
      <RemotePicture address={answeredUrl(direction.strip)} label={t.stripOf(direction.name)} />
      <dl className="facts">
        {accuracy && (
          <>
            <dt>{t.accuracy}</dt>
            <dd>
              {t.accuracyOf(
                percent(accuracy.value),
                percent(accuracy.low),
                percent(accuracy.high),
                n(accuracy.examples),
              )}
            </dd>
          </>
        )}
        {raised !== null && (
          <>
            <dt>{t.raised}</dt>
            <dd>{t.raisedOf(percent(raised))}</dd>
          </>
        )}
        <dt>{t.effect}</dt>
        <dd className="number">{n(direction.effect, 3)}</dd>
        {positive !== null && negative !== null && (
          <>
            <dt>{t.examples}</dt>
            <dd className="number">{`+${n(positive)} −${n(negative)}`}</dd>
          </>
        )}
        {orthogonal && orthogonal.length > 0 && (
          <>
            <dt>{t.orthogonalTo}</dt>
            <dd>{orthogonal.join(", ")}</dd>
          </>
        )}
      </dl>
    </div>
  );
}
