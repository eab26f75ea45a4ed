import type { Model } from "../api/client";
import { useDirections } from "../api/directions";
import { useLatents } from "../api/queries";
import { useScreenTexts, useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { navigate } from "../state/address";
import { ConfirmButton } from "../ui/ConfirmButton";
import { TrashIcon } from "../ui/icons";
import { modelQuery } from "./address";
import { useDeleteModel } from "./queries";
import { TEXTS } from "./texts";

/** Deletes a model, after it has said what that frees and what is lost. */
export function DeleteButton({ model }: { model: Model }) {
  const t = useScreenTexts(TEXTS);
  const remove = useDeleteModel(model.name);
  return (
    <ConfirmButton
      label={t.delete}
      icon={<TrashIcon />}
      title={t.deleteTitle(model.name)}
      confirm={t.deleteConfirm}
      danger
      onConfirm={async () => {
        await remove.mutateAsync();
        navigate(modelQuery(null), { replace: true });
      }}
    >
      <Consequences model={model} />
    </ConfirmButton>
  );
}

function Consequences({ model }: { model: Model }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const formats = useFormats();
  const latents = useLatents(model.name).data;
  const directions = useDirections(model.name).data;
  return (
    <>
      <p>
        {model.checkpoints === 1
          ? t.freesOne(formats.bytes(model.bytes))
          : t.frees(formats.bytes(model.bytes), n(model.checkpoints))}
      </p>
      {latents && directions && (
        <p>{t.losesToo(n(latents.items.length), n(directions.items.length))}</p>
      )}
      <p className="muted">{t.cannotUndo}</p>
    </>
  );
}
