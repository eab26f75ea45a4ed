import { Header } from "./Header";
import { Stage } from "./Stage";
import { Wall } from "./Wall";

/** The whole page: the picture that is worked on, and those to choose from. */
export function Playground() {
  return (
    <div className="playground">
      <Header />
      <main>
        <Stage />
        <Wall />
      </main>
    </div>
  );
}
