/** A file for a tar, with its path in it. */
export interface Member {
  path: string;
  file: File;
}

const BLOCK = 512;
const NAME_BYTES = 100;
const PAX_NAME = "PaxHeader";
const encoder = new TextEncoder();

/** An uncompressed tar of the files, which are not read before it is sent. The folders of their
 * paths, which are their classes, stay. */
export function tarOf(members: readonly Member[]): Blob {
  const parts: BlobPart[] = [];
  for (const { path, file } of members) {
    if (encoder.encode(path).length > NAME_BYTES) {
      const record = paxRecord("path", path);
      parts.push(header(PAX_NAME, record.length, "x", 0), record, padding(record.length));
    }
    const modified = Math.floor(file.lastModified / 1000);
    parts.push(header(path, file.size, "0", modified), file, padding(file.size));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts, { type: "application/x-tar" });
}

/** A header of the format ustar (POSIX.1-1988). */
function header(
  path: string,
  size: number,
  type: string,
  modified: number,
): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const write = (offset: number, bytes: Uint8Array) => block.set(bytes, offset);
  const text = (offset: number, value: string) => write(offset, encoder.encode(value));
  const octal = (offset: number, digits: number, value: number) =>
    text(offset, `${value.toString(8).padStart(digits, "0")}\0`);
  write(0, encoder.encode(path).slice(0, NAME_BYTES));
  octal(100, 7, 0o644);
  octal(108, 7, 0);
  octal(116, 7, 0);
  octal(124, 11, size);
  octal(136, 11, Math.max(0, modified));
  text(148, " ".repeat(8)); // as which the checksum counts itself
  text(156, type);
  text(257, "ustar\x0000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** A record of the extended format: its length, which counts its own digits, the key, the value. */
function paxRecord(key: string, value: string): Uint8Array<ArrayBuffer> {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return encoder.encode(`${length} ${key}=${value}\n`);
}

function padding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}
