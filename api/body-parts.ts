/** One record of a batch, as it was sent. */
export interface BodyPart {
  /** From 1. In NDJSON the line, blank ones counted. */
  readonly number: number;
  /** Null for one that is longer than MAX_PART_BYTES. */
  readonly bytes: Uint8Array | null;
}

export const MAX_PART_BYTES = 1_048_576;

/** The pieces of one part. Past the limit the pieces are dropped: the part is counted and its bytes are not kept. */
export class PartBuffer {
  #pieces: Buffer[] = [];
  #bytes = 0;

  add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > MAX_PART_BYTES) this.#pieces = [];
    else if (piece.length > 0) this.#pieces.push(piece);
  }

  /** The part so far, null when it is too long; the next one begins. */
  take(): Buffer | null {
    const tooLong = this.#bytes > MAX_PART_BYTES;
    const [first, ...others] = this.#pieces;
    const bytes = first && others.length === 0 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return tooLong ? null : bytes;
  }
}

const BLANK = /^[ \t\r\n]*$/;
const FEW_BYTES = 4;

/** Nothing but white space; a long run of it counts as something. */
export const isBlank = (bytes: Uint8Array): boolean => bytes.length <= FEW_BYTES && BLANK.test(Buffer.from(bytes).toString('latin1'));
