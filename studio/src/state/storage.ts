/** The name of an entry in the browser's storage. An origin may have several Moggys, each below its own
 * path; each has its own entries. */
export function storageKey(name: string, base = globalThis.document?.baseURI): string {
  const path = base === undefined ? "/" : new URL(base).pathname;
  return path === "/" ? `moggy.${name}` : `moggy.${name} ${path}`;
}
