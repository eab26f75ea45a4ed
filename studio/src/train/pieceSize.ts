const KIB = 1024;
const LEAST = 64 * KIB;
const MOST = 8 * KIB * KIB;
const FIRST = 256 * KIB;
const PIECES = 40; // of a small file, so that its progress is seen
const PIECE_MS = 3000; // long beside the way there and back, short beside the service's deadline

/** How much of a file is sent at a time: what the connection carried in some seconds last. */
export class PieceSize {
  private bytes = FIRST;
  private most = MOST;

  /** The size of the next piece of a file of `size` bytes. */
  of(size: number): number {
    return Math.min(this.bytes, Math.max(LEAST, Math.ceil(size / PIECES)));
  }

  sent(bytes: number, milliseconds: number): void {
    const carried = (bytes / Math.max(1, milliseconds)) * PIECE_MS;
    this.bytes = Math.round(Math.min(this.most, Math.max(LEAST, carried)));
  }

  /** A piece did not arrive, possibly because it took too long. */
  failed(): void {
    this.bytes = Math.max(LEAST, Math.round(this.bytes / 4));
  }

  /** A proxy refused a piece of so many bytes: every later one is smaller. Returns whether there are
   * smaller ones. */
  refused(bytes: number): boolean {
    if (bytes <= LEAST) return false;
    this.most = Math.max(LEAST, Math.floor(bytes / 2));
    this.bytes = Math.min(this.bytes, this.most);
    return true;
  }
}
