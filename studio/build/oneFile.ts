import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Plugin, Rollup } from "vite";
import { licencesOf } from "./licences.ts";

const SCRIPT = /<script type="module"[^>]*\ssrc="[^"]*"[^>]*><\/script>/;
const STYLES = /<link rel="stylesheet"[^>]*>/;
const ICON = /(<link rel="icon"[^>]*\shref=")[^"]*/;
/** What the API replaces by a model and by its compressed generator. */
const BLANKS = { content: "application/json", generator: "text/plain" };

/**
 * Puts all that a page loads into the page, which then works from a disk. WebAssembly is compressed
 * and written as text. The page's policy allows its own script and styles, by their hashes, and no
 * connection.
 */
export function asOneFile(page: string): Plugin {
  return {
    name: "as-one-file",
    enforce: "post",
    generateBundle(_options, bundle) {
      const files = Object.values(bundle);
      const scripts = files.filter((file) => file.type === "chunk");
      const assets = files.filter((file) => file.type === "asset");
      const ending = (suffix: string) => only(suffix, assets, (name) => name.endsWith(suffix));
      const html = only(page, assets, (name) => name === page);
      const script = scriptText(only("script", scripts, () => true).code);
      const styles = String(ending(".css").source);
      const runtime = gzipSync(ending(".wasm").source, { level: 9 }).toString("base64");
      const icon = Buffer.from(ending(".svg").source).toString("base64");
      const blanks = Object.entries(BLANKS).map(([id, type]) => data(id, type, `%moggy-${id}%`));
      const notices = licencesOf([...this.getModuleIds()]).replaceAll("<", "&lt;");
      html.source = String(html.source)
        .replace("<meta charset", () => `${policyTag(script, styles)}\n    <meta charset`)
        .replace(ICON, (_, start) => `${start}data:image/svg+xml;base64,${icon}`)
        .replace(STYLES, () => `<style>${styles}</style>`)
        .replace(SCRIPT, "")
        .replace("</body>", () =>
          [
            ...blanks,
            data("runtime", "text/plain", runtime),
            data("notices", "text/plain", notices),
            `<script type="module">${script}</script>`,
            "</body>",
          ].join("\n"),
        );
      for (const file of files) if (file !== html) delete bundle[file.fileName];
    },
  };
}

/** The policy as a part of the page, since a file on a disk comes without headers. */
function policyTag(script: string, styles: string): string {
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)} 'wasm-unsafe-eval'`,
    `style-src ${hash(styles)}`,
    "img-src data:",
    "font-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return `<meta http-equiv="Content-Security-Policy" content="${policy.join("; ")}" />`;
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** A script as the text of an element, which nothing in it may end. */
export function scriptText(code: string): string {
  const text = code.replace(/<\/(script)/gi, "<\\/$1");
  if (text.includes("<!--")) throw new Error("the script has <!--, which HTML reads as a comment");
  return text;
}

function data(id: string, type: string, text: string): string {
  return `<script type="${type}" id="${id}">${text}</script>`;
}

function only<File extends Rollup.OutputAsset | Rollup.OutputChunk>(
  what: string,
  files: readonly File[],
  matches: (name: string) => boolean,
): File {
  const [first, ...others] = files.filter((file) => matches(file.fileName));
  if (first === undefined || others.length > 0) {
    throw new Error(`the build has not made one ${what}: ${files.map((file) => file.fileName)}`);
  }
  return first;
}
