import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PACKAGE = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENCE_FILE = /^(licen[cs]e|copying)(\.(md|txt))?$/i;

interface Package {
  name: string;
  version: string;
  license?: string;
}

/** The names, versions and licences of the packages that modules belong to. A licence that several
 * packages share is written once. */
export function licencesOf(modules: readonly string[]): string {
  const folders = new Set(modules.flatMap((id) => PACKAGE.exec(id.replace(/^\0/, ""))?.[1] ?? []));
  const packagesByText = new Map<string, string[]>();
  for (const folder of [...folders].sort()) {
    if (!existsSync(join(folder, "package.json"))) continue;
    const { name, version, license } = JSON.parse(
      readFileSync(join(folder, "package.json"), "utf8"),
    ) as Package;
    const file = readdirSync(folder).find((entry) => LICENCE_FILE.test(entry));
    const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
    const packages = packagesByText.get(text) ?? [];
    packagesByText.set(text, [...packages, `${name} ${version} (${license ?? "see its package"})`]);
  }
  return [...packagesByText]
    .map(([text, packages]) => [...packages, "", ...(text ? [text, ""] : [])].join("\n"))
    .join("\n");
}
