import type { Change } from "../state/address";
import type { TrainState } from "./address";
import { DatasetList } from "./DatasetList";
import { DatasetPanel } from "./DatasetPanel";
import { RecentTrainings } from "./RecentTrainings";
import { useTrainTexts } from "./texts";
import { UploadPanel } from "./UploadPanel";

/** From pictures to a training: upload or choose them, read the report, choose the recipe. */
export function Setup({ state, change }: { state: TrainState; change: Change<TrainState> }) {
  const t = useTrainTexts();
  return (
    <main className="page train-setup">
      <header className="page-head">
        <div>
          <h1 className="page-title">{t.title}</h1>
          <p className="page-text">{t.intro}</p>
        </div>
      </header>
      {state.dataset === null ? (
        <>
          <UploadPanel
            packing={state.packing}
            onPacking={(packing) => change({ packing }, { replace: true })}
            onCreated={(dataset) => change({ dataset, packing: {} })}
          />
          <DatasetList onChoose={(dataset) => change({ dataset, packing: {} })} />
        </>
      ) : (
        <DatasetPanel key={state.dataset} name={state.dataset} state={state} change={change} />
      )}
      <RecentTrainings />
    </main>
  );
}
