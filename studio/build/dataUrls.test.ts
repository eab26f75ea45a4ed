import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dataUrlsAsFiles } from "./dataUrls.ts";

test("data: addresses become files of their content", () => {
  const folder = mkdtempSync(join(tmpdir(), "data-urls-"));
  const { transform } = dataUrlsAsFiles(/a\.css/, folder);
  if (typeof transform !== "function") throw new Error("the plugin has no transform");
  const css = [
    String.raw`.a{background:url("data:image/svg+xml;charset=utf-8,<svg width=\"4\"/>")}`,
    ".b{background:url(data:image/png;base64,iVBORw0KGgo=)}",
  ].join("\n");
  const made = String(Reflect.apply(transform, {}, [css, "/x/a.css"]));
  expect(made).not.toContain("data:");
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  expect(files.map(String)).toContain('<svg width="4"/>');
  expect(files.map((file) => file.toString("base64"))).toContain("iVBORw0KGgo=");
  expect(Reflect.apply(transform, {}, [css, "/x/other.css"])).toBeUndefined();
});
