import { Button, Dialog, DialogTrigger, Popover } from "react-aria-components";
import { useTexts } from "../i18n";
import type { ChangeView } from "../state/useView";
import type { View } from "../state/view";
import { PaletteIcon } from "../ui/icons";

const SWATCHES = [
  "#f4f1ea",
  "#c9c4bb",
  "#8c8a88",
  "#4d4a48",
  "#1c1a19",
  "#e0a458",
  "#c9702e",
  "#7a4a2b",
  "#b9a27c",
  "#6f7f91",
  "#7d8f5a",
  "#a65a5a",
] as const;

/** Chooses the colour whose nearest samples the wall shows. */
export function ColorSearch({ view, change }: { view: View; change: ChangeView }) {
  const { t } = useTexts();
  return (
    <DialogTrigger>
      <Button className="button tool" aria-label={t.searchColor}>
        <PaletteIcon />
        <span className="wide-only">{t.searchColor}</span>
      </Button>
      <Popover className="popover panel" placement="bottom end" offset={8}>
        <Dialog aria-label={t.searchColor} className="dialog">
          {({ close }) => {
            const search = (color: string) => {
              change({ color, like: null, only: null, show: null });
              close();
            };
            return (
              <>
                <div className="swatches">
                  {SWATCHES.map((color) => (
                    <Button
                      key={color}
                      className="swatch"
                      aria-label={t.color(color)}
                      style={{ background: color }}
                      onPress={() => search(color)}
                    />
                  ))}
                </div>
                <form
                  className="row"
                  onSubmit={(event) => {
                    event.preventDefault();
                    search(String(new FormData(event.currentTarget).get("color")));
                  }}
                >
                  <label className="own-color">
                    <input type="color" name="color" defaultValue={view.color ?? "#c9702e"} />
                    {t.ownColor}
                  </label>
                  <Button type="submit" className="button primary">
                    {t.search}
                  </Button>
                </form>
              </>
            );
          }}
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
