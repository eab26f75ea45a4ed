import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { serviceUrl } from "../api/client";
import { useKey } from "../api/key";
import { pathOf } from "../api/paths";
import { useTexts } from "../i18n";
import {
  blendBody,
  blendLatent,
  fetchPlace,
  fetchSheet,
  MOST_CORNERS,
  SHEET,
} from "../pictures/blend";
import { usePictures } from "../pictures/context";
import { drawScaled } from "../pictures/draw";
import { Picture } from "../pictures/Picture";
import { StageCanvas } from "../pictures/StageCanvas";
import { curlCommand, fileName, IMAGE_FORMATS } from "../pictures/snippets";
import { ErrorText } from "../sentences/ErrorText";
import { usePreferences } from "../state/preferences";
import type { ChangeView } from "../state/useView";
import type { Place, View } from "../state/view";
import { CopyRow } from "../ui/CopyRow";
import { DownloadLinks } from "../ui/DownloadLinks";
import { PadArea } from "../ui/PadArea";
import { SaveForm } from "./SaveForm";

const SETTLE_MS = 200;

/** The picture between the corners of a square, which follows a dot that is dragged. */
export function PadStage({ view, change, at }: { view: View; change: ChangeView; at: Place }) {
  const { t } = useTexts();
  const { source } = usePictures();
  const corners = view.morph.slice(0, MOST_CORNERS);
  const [place, setPlace] = useState(at);
  const [blendError, setBlendError] = useState<Error | null>(null);
  const sheet = useQuery({
    queryKey: ["blend", source, corners],
    queryFn: ({ signal }) => fetchSheet(source, corners, signal),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
  useEffect(() => {
    const timer = setTimeout(() => change({ pad: place }, { replace: true }), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [place, change]);
  const error = blendError ?? sheet.error;
  return (
    <>
      <div className="pad-stage">
        <div className="stage-frame">
          <Blend corners={corners} place={place} sheet={sheet.data} onEnd={setBlendError} />
        </div>
        <Pad corners={corners} place={place} sheet={sheet.data} onMove={setPlace} />
      </div>
      {error !== null && (
        <p role="alert">
          {t.morphFailed}: <ErrorText error={error} />
        </p>
      )}
      <p className="muted">{t.padHelp}</p>
      <SaveForm latent={() => blendLatent(source, corners, place)} />
      <BlendFiles corners={corners} place={place} />
    </>
  );
}

interface Shown {
  corners: readonly string[];
  place: Place;
  sheet: ImageBitmap | undefined;
}

/** The blend at a place: at once the nearest of the sheet, then its own. `onEnd` is called with the
 * error of its request, or null. */
function Blend({ corners, place, sheet, onEnd }: Shown & { onEnd: (error: Error | null) => void }) {
  const { t, n } = useTexts();
  const { source } = usePictures();
  const [{ smooth }] = usePreferences();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height, width] = source.shape;
  const key = corners.join();
  const { x, y } = place;
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    if (sheet) {
      const [column, row] = [x, y].map((value) => Math.round(value * (SHEET - 1)));
      const part = { left: (column ?? 0) * width, top: (row ?? 0) * height, width, height };
      drawScaled(element, sheet, part, smooth);
    }
    const aborter = new AbortController();
    fetchPlace(source, key.split(","), { x, y }, aborter.signal)
      .then((picture) => {
        if (aborter.signal.aborted) return;
        drawScaled(element, picture, { left: 0, top: 0, width, height }, smooth);
        onEnd(null);
      })
      .catch((error: Error) => {
        if (!aborter.signal.aborted) onEnd(error); // the nearest of the sheet stays
      });
    return () => aborter.abort();
  }, [source, key, x, y, sheet, width, height, smooth, onEnd]);
  return (
    <StageCanvas
      ref={canvas}
      shape={source.shape}
      label={`${t.pad}: ${t.padPlace(n(x, 2), n(y, 2))}`}
    />
  );
}

/** The pad with its corners; the third of three is the whole edge at the bottom. */
function Pad({ corners, place, sheet, onMove }: Shown & { onMove: (place: Place) => void }) {
  const { t, n } = useTexts();
  const [{ smooth }] = usePreferences();
  const canvas = useRef<HTMLCanvasElement>(null);
  const { x, y } = place;
  useEffect(() => {
    if (!sheet || canvas.current === null) return;
    canvas.current.width = sheet.width;
    canvas.current.height = sheet.height;
    const whole = { left: 0, top: 0, width: sheet.width, height: sheet.height };
    drawScaled(canvas.current, sheet, whole, smooth);
  }, [sheet, smooth]);

  return (
    <div className="pad">
      {[...corners, ...corners.slice(-1)].slice(0, MOST_CORNERS).map((ref, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a picture may be two corners
        <div key={`${index}-${ref}`} className={`corner corner-${index + 1}`}>
          <Picture latent={ref} />
        </div>
      ))}
      <PadArea label={t.pad} valueText={t.padPlace(n(x, 2), n(y, 2))} place={place} onMove={onMove}>
        <canvas ref={canvas} className="pad-sheet" />
      </PadArea>
    </div>
  );
}

function BlendFiles({ corners, place }: Omit<Shown, "sheet">) {
  const { t } = useTexts();
  const { source } = usePictures();
  const { key } = useKey();
  const address = serviceUrl(pathOf("/v1/models/{name}/blend", { name: source.model }));
  const file = (format: string) => fileName(source, [...corners, "blend"], format);
  const body = (format: (typeof IMAGE_FORMATS)[number]) =>
    blendBody(source, corners, place, format);
  return (
    <section className="section">
      <h3>{t.download}</h3>
      <DownloadLinks formats={IMAGE_FORMATS} address={() => address} body={body} file={file} />
      <h3>{t.copy}</h3>
      <CopyRow
        texts={[
          {
            label: t.copyCurl,
            text: () => curlCommand(address, file("png"), key !== null, body("png")),
          },
          { label: t.copyLink, text: () => location.href },
        ]}
      />
    </section>
  );
}
