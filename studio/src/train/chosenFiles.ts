import type { DirectoryDropItem, DropItem } from "react-aria-components";
import type { Member } from "./tar";

/** The files of a file input. Those of a folder have their path below it. */
export function membersOf(files: FileList): Member[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** What was dropped, with the content of folders. */
export async function droppedMembers(items: readonly DropItem[]): Promise<Member[]> {
  const members: Member[] = [];
  for (const item of items) {
    if (item.kind === "file") members.push({ path: item.name, file: await item.getFile() });
    else if (item.kind === "directory") await collect(item, item.name, members);
  }
  return members;
}

async function collect(folder: DirectoryDropItem, path: string, members: Member[]): Promise<void> {
  for await (const entry of folder.getEntries()) {
    const below = `${path}/${entry.name}`;
    if (entry.kind === "file") members.push({ path: below, file: await entry.getFile() });
    else await collect(entry, below, members);
  }
}
