import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { type Model, Problem } from "./api/client";
import { useKey } from "./api/key";
import { useModels } from "./api/queries";
import { Explore } from "./explore/Explore";
import { useTexts } from "./i18n";
import { KeyForm } from "./KeyForm";
import { NoModel } from "./NoModel";
import { Rail } from "./Rail";
import { useView } from "./state/useView";
import { Notice } from "./ui/Notice";

export function App() {
  return (
    <div className="app">
      <Rail />
      <Screen />
    </div>
  );
}

function Screen() {
  const { t } = useTexts();
  const { needed, key } = useKey();
  const models = useModels();
  const [view] = useView();
  const client = useQueryClient();

  useEffect(() => {
    if (key !== null) void client.invalidateQueries();
  }, [key, client]);

  if (needed) return <KeyForm />;
  if (models.data === undefined) {
    if (models.error instanceof Problem && models.error.status === 0) {
      return <Notice title={t.offline} text={t.offlineHelp} busy={t.reconnecting} />;
    }
    if (models.error !== null) {
      return (
        <Notice
          title={t.failed}
          text={models.error.message}
          action={{ text: t.retry, onPress: () => void models.refetch() }}
        />
      );
    }
    return <Notice title={t.loading} quiet />;
  }
  const model = chooseModel(models.data.items, view.model);
  if (model === null) return <NoModel models={models.data.items} />;
  return <Explore key={model.name} model={model} models={models.data.items} />;
}

/** The model that the address names, or else the newest that has a checkpoint. */
function chooseModel(models: readonly Model[], name: string | null): Model | null {
  const usable = models.filter((model) => model.checkpoint !== null);
  return usable.find((model) => model.name === name) ?? usable[0] ?? null;
}
