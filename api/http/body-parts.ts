import { ApiError } from '../errors/api-error.ts';

/** One record of a batch, as it was sent. */
export interface BodyPart {
  /** Starts at 1. In NDJSON it is the line, including blank ones. */
  readonly number: number;
  /** Without leading white space. Null when longer than MAX_PART_BYTES. */
  readonly bytes: Uint8Array | null;
}

const MAX_PART_BYTES = 1_048_576;
/** White space between the parts of one body, far more than indentation takes. */
const MAX_WHITE_SPACE_BYTES = 16 * 1_048_576;

const EMPTY = Buffer.alloc(0);

/**
 * Collects the bytes of one part. Leading white space is dropped as it arrives; a part above the limit is counted but
 * its bytes are not kept.
 */
export class PartBuffer {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #droppedBytes = 0;

  /**
   * Adds a stretch of the chunk, which is cut out only when something of it is kept: a view costs a microsecond, more
   * than all else of a blank line. Throws `body-too-large` once more white space was dropped than any real body has.
   */
  add(chunk: Buffer, start: number, end: number): void {
    const from = this.#bytes === 0 ? skipWhiteSpace(chunk, start, end) : start;
    this.#droppedBytes += from - start;
    if (this.#droppedBytes > MAX_WHITE_SPACE_BYTES)
      throw new ApiError(
        'body-too-large',
        `A batch holds at most ${MAX_WHITE_SPACE_BYTES / 1_048_576} MB of white space around its records.`,
      );
    if (from === end) return;
    this.#bytes += end - from;
    if (this.#bytes > MAX_PART_BYTES) this.#pieces = [];
    else this.#pieces.push(chunk.subarray(from, end));
  }

  /** Returns the part so far, empty when it is blank, null when it is too long, and starts the next. */
  take(): Buffer | null {
    const tooLong = this.#bytes > MAX_PART_BYTES;
    this.#bytes = 0;
    if (tooLong) return null;
    if (this.#pieces.length <= 1) return this.#pieces.pop() ?? EMPTY;
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return bytes;
  }
}

/** Index of the first byte that is no white space of JSON: tab, line feed, carriage return, space (RFC 8259, section 2). */
function skipWhiteSpace(chunk: Buffer, start: number, end: number): number {
  let index = start;
  while (index < end && isWhiteSpace(chunk[index])) index += 1;
  return index;
}

const isWhiteSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
