import { toName } from "../api/names";
import { type Member, tarOf } from "./tar";

/** What is sent as one file. `id` recognises it when it is chosen again after an interruption. */
export interface Source {
  id: string;
  name: string;
  blob: Blob;
}

/** What was chosen for one dataset. */
export interface Selection {
  /** A name for the dataset. */
  name: string;
  sources: Source[];
  files: number;
  bytes: number;
}

const OWN_FILE = /\.(zip|tar|tgz|gz|npy|npz|parquet|csv|tsv|json|jsonl)$|ubyte$/i;
const FOLDER_FILE = "pictures.tar";

/** Archives, arrays and label files are sent as they are; pictures, with their folders, as one tar.
 * Hidden files are left out. */
export function selectionOf(members: readonly Member[]): Selection | null {
  const visible = members.filter(({ path }) =>
    path.split("/").every((part) => !part.startsWith(".")),
  );
  const isOwn = ({ path }: Member) => OWN_FILE.test(path) && !path.includes("/");
  const sources = visible.filter(isOwn).map(({ path, file }) => ({
    id: `${path}:${file.size}:${file.lastModified}`,
    name: path,
    blob: file as Blob,
  }));
  const pictures = visible.filter((member) => !isOwn(member));
  if (pictures.length > 0) {
    const blob = tarOf(pictures);
    const id = `${hash(pictures)}:${pictures.length}:${blob.size}`;
    sources.push({ id, name: FOLDER_FILE, blob });
  }
  const first = visible[0];
  if (first === undefined) return null;
  return {
    name: datasetName(first.path),
    sources,
    files: visible.length,
    bytes: sources.reduce((total, { blob }) => total + blob.size, 0),
  };
}

/** A valid name from that of a folder or a file. */
export function datasetName(path: string): string {
  const [first = ""] = path.split("/");
  const stem = first.replace(/(\.(tar|idx\d|zip|tgz|gz|parquet|np[yz]|png|jpe?g|webp))+$/i, "");
  return toName(stem) || "pictures";
}

/** FNV-1a of the names, sizes and times: it recognises a folder, and protects nothing. */
function hash(members: readonly Member[]): string {
  let value = 0x811c9dc5;
  for (const { path, file } of members) {
    for (const character of `${path}:${file.size}:${file.lastModified};`) {
      value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
    }
  }
  return (value >>> 0).toString(16);
}
