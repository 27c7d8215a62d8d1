/** What is kept of a response's body. */
export const RESPONSE_BODY_KEPT_BYTES = 64 * 1024;
/** What is read of it before the connection is cut. */
const READ_BYTES_MAX = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/** The beginning of a response's body, and the count of what was read of it. */
export class KeptBody {
  truncated = false;
  private readonly pieces: Buffer[] = [];
  private keptBytes = 0;
  private readBytes = 0;

  /** More has been read than anybody wants to know. */
  get isTooLong(): boolean {
    return this.readBytes > READ_BYTES_MAX;
  }

  add(chunk: Buffer, from: number, bytes: number): void {
    const kept = Math.min(bytes, RESPONSE_BODY_KEPT_BYTES - this.keptBytes);
    if (kept > 0) {
      // A copy, so that the history does not hold on to the socket's buffer.
      this.pieces.push(Buffer.from(chunk.subarray(from, from + kept)));
      this.keptBytes += kept;
    }
    if (kept < bytes) this.truncated = true;
    this.count(bytes);
  }

  /** Counts bytes that are read and are not part of the body. */
  count(bytes: number): void {
    this.readBytes += bytes;
    if (this.isTooLong) this.truncated = true;
  }

  bytes(): Buffer {
    const [first = NOTHING] = this.pieces;
    return this.pieces.length > 1 ? Buffer.concat(this.pieces) : first;
  }
}
