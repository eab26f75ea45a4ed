import { Button } from "react-aria-components";
import { useModels } from "../api/queries";
import { useScreenTexts } from "../i18n";
import type { Change } from "../state/address";
import { Chooser } from "../ui/controls";
import { STATUS_TEXTS } from "../ui/statusTexts";
import { ENDED, isFiltered, type JobsView, KINDS, LIVE, NO_FILTERS } from "./address";
import { useOwners } from "./queries";
import { TEXTS } from "./texts";

const ALL = "";

/** Choices that leave jobs out, which the address keeps. */
export function Filters({ view, change }: { view: JobsView; change: Change<JobsView> }) {
  const t = useScreenTexts(TEXTS);
  const words = useScreenTexts(STATUS_TEXTS);
  const models = (useModels().data?.items ?? []).map(({ name }) => name);
  const owners = useOwners();
  // A deleted model has jobs still, so an address may name one that is not listed.
  const named = view.model !== null && !models.includes(view.model) ? [view.model] : [];
  const allOwners = [...new Set([...owners, ...(view.owner === null ? [] : [view.owner])])];
  const choices = <Key extends string>(
    all: string,
    keys: readonly Key[],
    text: (key: Key) => string,
  ) => [{ key: ALL, text: all }, ...keys.map((key) => ({ key: key as string, text: text(key) }))];
  return (
    <search className="job-filters" aria-label={t.filters}>
      <Chooser
        label={t.kind}
        choices={choices(t.allKinds, KINDS, (kind) => words[kind])}
        chosen={view.kind ?? ALL}
        onChoose={(key) => change({ kind: KINDS.find((kind) => kind === key) ?? null })}
      />
      <Chooser
        label={t.state}
        choices={choices(t.allStates, [...LIVE, ...ENDED], (status) => words[status])}
        chosen={view.status ?? ALL}
        onChoose={(key) =>
          change({ status: [...LIVE, ...ENDED].find((status) => status === key) ?? null })
        }
      />
      <Chooser
        label={t.model}
        choices={choices(t.allModels, [...models, ...named], (name) => name)}
        chosen={view.model ?? ALL}
        onChoose={(key) => change({ model: key === ALL ? null : key })}
      />
      {allOwners.length > 0 && (
        <Chooser
          label={t.owner}
          choices={choices(t.allOwners, allOwners, (name) => name)}
          chosen={view.owner ?? ALL}
          onChoose={(key) => change({ owner: key === ALL ? null : key })}
        />
      )}
      {isFiltered(view) && (
        <Button className="button quiet" onPress={() => change(NO_FILTERS)}>
          {t.clearFilters}
        </Button>
      )}
    </search>
  );
}
