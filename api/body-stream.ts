import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ApiError } from './api-error.ts';

export interface Line {
  /** From 1, blank lines counted. */
  readonly number: number;
  /** Null for a line that is longer than MAX_LINE_BYTES. */
  readonly bytes: Uint8Array | null;
}

export const MAX_LINE_BYTES = 1_048_576;

const NEWLINE = 0x0a;
const BLANK = /^[ \t\r]*$/;

/** A body that is read line by line as it arrives; holds one chunk and one line of it at a time, and hashes what goes by. */
export class BodyStream {
  readonly #req: IncomingMessage;
  readonly #limitBytes: number;
  readonly #hash = createHash('sha256');
  readonly #chunks: AsyncIterator<unknown>;
  #readBytes = 0;

  constructor(req: IncomingMessage, limitBytes: number) {
    this.#req = req;
    this.#limitBytes = limitBytes;
    // Giving up must not cut the connection: the answer still has to reach the caller.
    this.#chunks = req.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
  }

  /** The lines that are not blank. Throws `body-too-large`, or `malformed-request` when the body ends before its time. */
  async *lines(): AsyncGenerator<Line> {
    const line = new LineBuffer();
    for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        line.add(chunk.subarray(start, end));
        const whole = line.take();
        if (whole) yield whole;
        start = end + 1;
      }
      line.add(chunk.subarray(start));
    }
    const last = line.take();
    if (last) yield last;
  }

  /** Reads what is left and returns the SHA-256 of the whole body in hex. */
  async digest(): Promise<string> {
    while ((await this.#next()) !== null);
    return this.#hash.digest('hex');
  }

  /** Drops what is left, without holding up the answer. */
  async abandon(): Promise<void> {
    await this.#chunks.return?.();
    this.#req.resume();
  }

  async #next(): Promise<Buffer | null> {
    let result: IteratorResult<unknown>;
    try {
      result = await this.#chunks.next();
    } catch (error) {
      throw new ApiError('malformed-request', 'The body ended before its time.', { cause: error });
    }
    if (result.done) {
      if (!this.#req.complete) throw new ApiError('malformed-request', 'The body ended before its time.');
      return null;
    }
    const chunk = result.value as Buffer;
    this.#readBytes += chunk.length;
    if (this.#readBytes > this.#limitBytes) throw new ApiError('body-too-large', `The body is larger than ${this.#limitBytes / 1_048_576} MB.`);
    this.#hash.update(chunk);
    return chunk;
  }
}

/** The pieces of one line. Past the limit the pieces are dropped: the line is counted and its bytes are not kept. */
class LineBuffer {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #number = 1;

  add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > MAX_LINE_BYTES) this.#pieces = [];
    else if (piece.length > 0) this.#pieces.push(piece);
  }

  /** The line so far, or null for a blank one; the next one begins. */
  take(): Line | null {
    const number = this.#number;
    const tooLong = this.#bytes > MAX_LINE_BYTES;
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    this.#number += 1;
    if (tooLong) return { number, bytes: null };
    return bytes.length <= 4 && BLANK.test(bytes.toString('latin1')) ? null : { number, bytes };
  }
}
