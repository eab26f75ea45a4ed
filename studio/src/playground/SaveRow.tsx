import { Button } from "react-aria-components";
import { drawScaled } from "../pictures/draw";
import { stageScale } from "../pictures/StageCanvas";
import { canvasOf } from "./canvas";
import { usePictures } from "./pictures";
import { t } from "./texts";

/** Saves the picture as it is, and enlarged. */
export function SaveRow({ picture, name }: { picture: ImageData | null; name: string }) {
  const { model, view } = usePictures();
  const [height, width] = model.content.shape;
  const scales = [...new Set([1, stageScale(width)])];
  const save = (scale: number) => {
    if (picture === null) return;
    const canvas = document.createElement("canvas");
    canvas.width = width * scale;
    canvas.height = height * scale;
    drawScaled(canvas, canvasOf(picture), { left: 0, top: 0, width, height }, view.smooth);
    canvas.toBlob((blob) => {
      if (blob === null) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${model.content.model}-${name.replaceAll(/[~:]/g, "-")}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    });
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for the fields of a form
    <div className="chips" role="group" aria-label={t.savePicture}>
      {scales.map((scale) => {
        const file = scale === 1 ? "PNG" : `PNG ${scale}×`;
        return (
          <Button
            key={scale}
            className="chip"
            isDisabled={picture === null}
            aria-label={t.save(file, `${width * scale} × ${height * scale}`)}
            onPress={() => save(scale)}
          >
            {file}
          </Button>
        );
      })}
    </div>
  );
}
