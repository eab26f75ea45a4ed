import { useState } from "react";
import { serviceUrl } from "../api/client";
import { useKey } from "../api/key";
import { pathOf } from "../api/paths";
import { useTexts } from "../i18n";
import { usePictures } from "../pictures/context";
import { baseOf } from "../pictures/latent";
import {
  curlCommand,
  fileName,
  MORPH_FORMATS,
  type MorphFormat,
  morphBody,
  morphPath,
} from "../pictures/snippets";
import { usePreferences } from "../state/preferences";
import type { View } from "../state/view";
import { CopyRow } from "../ui/CopyRow";
import { DownloadLinks } from "../ui/DownloadLinks";
import { type Scale, ScaleChoice } from "./ScaleChoice";

/** The morph as files of each format, and as texts to copy. */
export function MorphFiles({ view, frames }: { view: View; frames: number }) {
  const { t } = useTexts();
  const { source } = usePictures();
  const { key } = useKey();
  const [{ smooth }] = usePreferences();
  const [scale, setScale] = useState<Scale>("4");
  const { morph: keyframes, easing, loop } = view;
  const morph = { keyframes, easing, loop };
  const enlargement = { scale: Number(scale), smooth };
  // The path of a morph has no place for the edits of single keyframes: these are sent as a body.
  const edited = keyframes.some((ref) => ref !== baseOf(ref));
  const address = (format: MorphFormat) =>
    serviceUrl(
      edited
        ? pathOf("/v1/models/{name}/interpolations", { name: source.model })
        : morphPath(source, morph, frames, format, enlargement),
    );
  const body = (format: MorphFormat) =>
    edited ? morphBody(source, morph, frames, format, enlargement) : undefined;
  return (
    <section className="section">
      <h3>{t.exportAs}</h3>
      <div className="row">
        <DownloadLinks
          formats={MORPH_FORMATS}
          address={address}
          body={body}
          file={(format) => fileName(source, keyframes, format)}
        />
        <ScaleChoice scale={scale} onChoose={setScale} />
      </div>
      <h3>{t.copy}</h3>
      <CopyRow
        texts={[
          ...(edited ? [] : [{ label: t.copyUrl, text: () => address("webp") }]),
          {
            label: t.copyCurl,
            text: () =>
              curlCommand(
                address("webp"),
                fileName(source, keyframes, "webp"),
                key !== null,
                body("webp"),
              ),
          },
          { label: t.copyLink, text: () => location.href },
        ]}
      />
    </section>
  );
}
