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

/**
 * Collects the bytes of one part. Leading white space is dropped as it arrives; a part above the limit is counted but
 * its bytes are not kept.
 */
export class PartBuffer {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #droppedBytes = 0;

  /** Throws `body-too-large` once more white space was dropped than any real body has. */
  add(piece: Buffer): void {
    const kept = this.#bytes === 0 ? withoutLeadingWhiteSpace(piece) : piece;
    this.#droppedBytes += piece.length - kept.length;
    if (this.#droppedBytes > MAX_WHITE_SPACE_BYTES)
      throw new ApiError(
        'body-too-large',
        `A batch holds at most ${MAX_WHITE_SPACE_BYTES / 1_048_576} MB of white space around its records.`,
      );
    this.#bytes += kept.length;
    if (this.#bytes > MAX_PART_BYTES) this.#pieces = [];
    else if (kept.length > 0) this.#pieces.push(kept);
  }

  /** Returns the part so far, empty when it is blank, null when it is too long, and starts the next. */
  take(): Buffer | null {
    const tooLong = this.#bytes > MAX_PART_BYTES;
    const [first, ...others] = this.#pieces;
    const bytes = first && others.length === 0 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return tooLong ? null : bytes;
  }
}

/** White space of JSON (RFC 8259, section 2): tab, line feed, carriage return, space. */
const WHITE_SPACE = new Set([0x09, 0x0a, 0x0d, 0x20]);

function withoutLeadingWhiteSpace(piece: Buffer): Buffer {
  let start = 0;
  while (start < piece.length && WHITE_SPACE.has(piece[start] ?? 0)) start += 1;
  return piece.subarray(start);
}
