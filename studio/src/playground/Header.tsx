import { Button, Dialog, DialogTrigger, Popover } from "react-aria-components";
import { Chooser, LabelledSlider, Segments } from "../ui/controls";
import { Mark, TuneIcon } from "../ui/icons";
import { About } from "./About";
import { usePictures } from "./pictures";
import { formatNumber, t } from "./texts";

/** Which model it is, and what holds for all its pictures: their class, and how they look. */
export function Header() {
  const { model, view, change } = usePictures();
  const { classes, images_seen, shape } = model.content;
  return (
    <header className="play-header">
      <Mark />
      <div className="play-title">
        <h1>{model.content.model}</h1>
        <p className="muted">{t.facts(`${shape[1]} × ${shape[0]}`, formatNumber(images_seen))}</p>
      </div>
      <div className="tools">
        {classes.length > 0 && (
          <Chooser
            label={t.className}
            // Neither is the name of a class empty.
            choices={[
              { key: "", text: t.classBySeed },
              ...classes.map((name) => ({ key: name, text: name })),
            ]}
            chosen={view.className ?? ""}
            onChoose={(name) => change({ className: name === "" ? null : name })}
          />
        )}
        <Display />
        <About />
      </div>
    </header>
  );
}

function Display() {
  const { view, change } = usePictures();
  return (
    <DialogTrigger>
      <Button className="button tool" aria-label={t.display}>
        <TuneIcon />
        <span className="wide-only">{t.display}</span>
      </Button>
      <Popover className="popover panel" placement="bottom end" offset={8}>
        <Dialog aria-label={t.display} className="dialog">
          <LabelledSlider
            label={t.truncation}
            value={view.truncation}
            minValue={0.1}
            maxValue={1}
            step={0.05}
            format={{ maximumFractionDigits: 2 }}
            onChange={(truncation) => change({ truncation })}
          />
          <p className="muted">{t.truncationHelp}</p>
          <div className="row">
            <span>{t.scaling}</span>
            <Segments
              label={t.scaling}
              choices={[
                { key: "smooth", text: t.scalingSmooth },
                { key: "sharp", text: t.scalingSharp },
              ]}
              chosen={view.smooth ? "smooth" : "sharp"}
              onChoose={(chosen) => change({ smooth: chosen === "smooth" })}
            />
          </div>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
