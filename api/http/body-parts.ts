import { ApiError } from '../errors/api-error.ts';

/** One record of a batch, as it was sent. */
export interface BodyPart {
  /** From 1. In NDJSON the line, blank ones counted. */
  readonly number: number;
  /** Without the white space before it. Null for one that is longer than MAX_PART_BYTES. */
  readonly bytes: Uint8Array | null;
}

export const MAX_PART_BYTES = 1_048_576;
/** Of one body, around its parts: far more than indentation takes. */
const MAX_WHITE_SPACE_BYTES = 16 * 1_048_576;

/**
 * The pieces of one part. White space before its first byte is dropped as it arrives, however long; past the limit all pieces are dropped:
 * the part is counted and its bytes are not kept.
 */
export class PartBuffer {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #droppedBytes = 0;

  /** Throws `body-too-large` once more white space was dropped than any body has. */
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

  /** The part so far, empty when it is blank, null when it is too long; the next one begins. */
  take(): Buffer | null {
    const tooLong = this.#bytes > MAX_PART_BYTES;
    const [first, ...others] = this.#pieces;
    const bytes = first && others.length === 0 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return tooLong ? null : bytes;
  }
}

/** White space as JSON has it (RFC 8259, section 2): tab, line feed, carriage return, space. */
const WHITE_SPACE = new Set([0x09, 0x0a, 0x0d, 0x20]);

function withoutLeadingWhiteSpace(piece: Buffer): Buffer {
  let start = 0;
  while (start < piece.length && WHITE_SPACE.has(piece[start] ?? 0)) start += 1;
  return piece.subarray(start);
}
