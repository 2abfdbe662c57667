import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Zlib } from 'node:zlib';
import { ApiError } from '../errors/api-error.ts';

const DECOMPRESSORS = { gzip: createGunzip, deflate: createInflate, br: createBrotliDecompress } as const;
export type Encoding = keyof typeof DECOMPRESSORS;

export const isEncoding = (name: string): name is Encoding => Object.hasOwn(DECOMPRESSORS, name);

const MIB = 1_048_576;
/** Records in JSON compress 10 to 30 times. More is an attack: 190 KB of gzip can be 190 MB of white space. */
const MAX_RATIO = 100;
/** Size up to which any compression ratio is accepted. */
const ANY_RATIO_BYTES = 4 * MIB;
/** How long a sender may pause in total, and the time that received bytes add. */
const PATIENCE_MS = 10_000;
export const MIN_BYTES_A_MS = 4;

export interface BodyStreamOptions {
  /** Limit of the size after decompression. */
  readonly limitBytes: number;
  readonly encoding: Encoding | null;
  readonly patienceMs?: number;
}

/** A body that is processed as it arrives. Holds one chunk at a time and hashes everything. */
export class BodyStream {
  readonly #req: IncomingMessage;
  readonly #limitBytes: number;
  readonly #patienceMs: number;
  readonly #hash = createHash('sha256');
  readonly #arriving: AsyncIterator<unknown>;
  readonly #chunks: AsyncIterator<unknown>;
  readonly #decompressor: (Readable & Zlib) | null;
  #arrivedBytes = 0;
  #readBytes = 0;
  #waitedMs = 0;
  /** The error that ended the body early, unless it was its own compression. */
  #brokenOff: ApiError | null = null;

  constructor(req: IncomingMessage, { limitBytes, encoding, patienceMs = PATIENCE_MS }: BodyStreamOptions) {
    this.#req = req;
    this.#limitBytes = limitBytes;
    this.#patienceMs = patienceMs;
    // Returning from the iterator must not close the connection, because the answer still has to reach the caller.
    this.#arriving = req.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
    this.#decompressor = encoding === null ? null : this.#decompress(encoding);
    this.#chunks = this.#decompressor?.[Symbol.asyncIterator]() ?? { next: () => this.#arrive() };
  }

  /**
   * The rest of the body. Throws `body-too-large`, `invalid-encoding`, `malformed-request` when the body ends early,
   * and `request-timeout` when its sender is too slow.
   */
  async *chunks(): AsyncGenerator<Buffer> {
    for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) yield chunk;
  }

  /** The whole body. Throws like `chunks`. */
  async bytes(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const chunk of this.chunks()) pieces.push(chunk);
    return Buffer.concat(pieces);
  }

  /** Reads the rest and returns the SHA-256 of the whole body in hex. */
  async digest(): Promise<string> {
    while ((await this.#next()) !== null);
    return this.#hash.digest('hex');
  }

  /** Discards the rest without delaying the answer. */
  abandon(): void {
    this.#decompressor?.destroy();
    const over = () => {
      this.#req.resume();
    };
    this.#arriving.return?.().then(over, over);
  }

  #decompress(encoding: Encoding): Readable & Zlib {
    const decompressor = DECOMPRESSORS[encoding]();
    const compressed = Readable.from({ [Symbol.asyncIterator]: () => ({ next: () => this.#arrive() }) });
    // A failure in the pipeline reaches the reader of its output.
    pipeline(compressed, decompressor).catch(() => undefined);
    return decompressor;
  }

  /** Counts only the time spent waiting for the sender, not our own processing. */
  async #arrive(): Promise<IteratorResult<unknown>> {
    const leftMs = this.#patienceMs + this.#arrivedBytes / MIN_BYTES_A_MS - this.#waitedMs;
    const startedAt = performance.now();
    const slow = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      slow.reject(new ApiError('request-timeout', 'The body arrives too slowly.'));
    }, leftMs);
    try {
      const result = await Promise.race([this.#arriving.next(), slow.promise]);
      if (!result.done) this.#arrivedBytes += (result.value as Buffer).length;
      return result;
    } catch (error) {
      this.#brokenOff =
        error instanceof ApiError
          ? error
          : new ApiError('malformed-request', 'The body ended before its time.', { cause: error });
      throw this.#brokenOff;
    } finally {
      clearTimeout(timer);
      this.#waitedMs += performance.now() - startedAt;
    }
  }

  async #next(): Promise<Buffer | null> {
    let result: IteratorResult<unknown>;
    try {
      result = await this.#chunks.next();
    } catch (error) {
      throw (
        this.#brokenOff ?? new ApiError('invalid-encoding', 'The body could not be decompressed.', { cause: error })
      );
    }
    if (result.done) {
      if (!this.#req.complete) throw new ApiError('malformed-request', 'The body ended before its time.');
      return null;
    }
    const chunk = result.value as Buffer;
    this.#readBytes += chunk.length;
    this.#checkSize();
    this.#hash.update(chunk);
    return chunk;
  }

  #checkSize(): void {
    if (this.#readBytes > this.#limitBytes)
      throw new ApiError('body-too-large', `The body is larger than ${this.#limitBytes / MIB} MB.`);
    if (this.#readBytes > Math.max(ANY_RATIO_BYTES, MAX_RATIO * this.#arrivedBytes)) {
      throw new ApiError('body-too-large', `The compressed body became more than ${MAX_RATIO} times larger.`);
    }
  }
}
