import "uplot/dist/uPlot.min.css";
import "./train.css";
import "./recipe.css";
import "./theatre.css";
import { useAddressState } from "../state/address";
import { TRAIN } from "./address";
import { Setup } from "./Setup";
import { Theatre } from "./theatre/Theatre";

/** The screen Train: a training that is set up, or one that is watched. */
export default function TrainScreen() {
  const [state, change] = useAddressState(TRAIN);
  return state.job === null ? (
    <Setup state={state} change={change} />
  ) : (
    <Theatre key={state.job} id={state.job} state={state} change={change} />
  );
}
