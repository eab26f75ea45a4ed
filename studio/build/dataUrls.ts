import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const DATA_URL = /url\((?:"(data:(?:\\.|[^"\\])+)"|'(data:(?:\\.|[^'\\])+)'|(data:[^)]+))\)/g;
const ENDINGS: Record<string, string> = {
  "image/svg+xml": "svg",
  "image/png": "png",
  "image/jpeg": "jpg",
};

/**
 * Replaces the data: addresses in the styles of a package by files, since the policy of the pages,
 * `default-src 'self'`, forbids such addresses. The files are written to `folder`.
 */
export function dataUrlsAsFiles(stylesheet: RegExp, folder: string): Plugin {
  return {
    name: "data-urls-as-files",
    enforce: "pre",
    transform(code, id) {
      if (!stylesheet.test(id)) return undefined;
      mkdirSync(folder, { recursive: true });
      return code.replace(DATA_URL, (_match, double, single, bare) => {
        const { bytes, mediaType } = decode(unquote(double ?? single ?? bare));
        const ending = ENDINGS[mediaType];
        if (ending === undefined) throw new Error(`${id}: no file ending for ${mediaType}`);
        const name = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
        const path = join(folder, `${name}.${ending}`);
        writeFileSync(path, bytes);
        return `url("${path}")`;
      });
    },
  };
}

/** The text of a string of CSS, in which a backslash precedes a quote. */
function unquote(text: string): string {
  return text.replace(/\\(.)/g, "$1");
}

function decode(address: string): { bytes: Buffer; mediaType: string } {
  const comma = address.indexOf(",");
  const [mediaType = "", ...parameters] = address.slice("data:".length, comma).split(";");
  const data = address.slice(comma + 1);
  const bytes = parameters.includes("base64")
    ? Buffer.from(data, "base64")
    : Buffer.from(decodeURIComponent(data));
  return { bytes, mediaType };
}
