import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tarOf } from "./tar";

test("tar reads what is packed, long and foreign names among it", async () => {
  const files: Record<string, string> = {
    "white/1.png": "first",
    "三毛/2.png": "",
    [`${"deep/".repeat(30)}ねこ.png`]: "x".repeat(1000),
  };
  const members = Object.entries(files).map(([path, text]) => ({
    path,
    file: new File([text], "name", { lastModified: 1_700_000_000_000 }),
  }));
  const folder = mkdtempSync(join(tmpdir(), "tar-"));
  writeFileSync(join(folder, "files.tar"), new Uint8Array(await tarOf(members).arrayBuffer()));
  execFileSync("tar", ["xf", "files.tar"], { cwd: folder });
  for (const [path, text] of Object.entries(files)) {
    expect(readFileSync(join(folder, path), "utf8")).toBe(text);
  }
});
