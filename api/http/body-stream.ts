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
/** Records in JSON become 10 to 30 times smaller. More than this is made to cost: 190 KB of gzip can be 190 MB of white space. */
const MAX_RATIO = 100;
/** A body of up to this size may be as compressible as it likes. */
const ANY_RATIO_BYTES = 4 * MIB;
/** For how long a sender may keep us waiting, all pauses together, and how many bytes earn how much more time. */
const PATIENCE_MS = 10_000;
const MIN_BYTES_A_MS = 4;

export interface BodyStreamOptions {
  /** Counts what is left after decompression. */
  readonly limitBytes: number;
  readonly encoding: Encoding | null;
  readonly patienceMs?: number;
}

/** A body that is worked on as it arrives; holds one chunk of it at a time, and hashes what goes by. */
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
  /** What ended the body before its time, other than its own compression. */
  #brokenOff: ApiError | null = null;

  constructor(req: IncomingMessage, { limitBytes, encoding, patienceMs = PATIENCE_MS }: BodyStreamOptions) {
    this.#req = req;
    this.#limitBytes = limitBytes;
    this.#patienceMs = patienceMs;
    // Giving up must not cut the connection: the answer still has to reach the caller.
    this.#arriving = req.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
    this.#decompressor = encoding === null ? null : this.#decompress(encoding);
    this.#chunks = this.#decompressor?.[Symbol.asyncIterator]() ?? { next: () => this.#arrive() };
  }

  /**
   * What has not been read yet. Throws `body-too-large`, `invalid-encoding`, `malformed-request` when the body ends before its time, and
   * `request-timeout` when its sender is slower than anyone has to be.
   */
  async *chunks(): AsyncGenerator<Buffer> {
    for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) yield chunk;
  }

  /** The whole body. Throws as `chunks` does. */
  async bytes(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const chunk of this.chunks()) pieces.push(chunk);
    return Buffer.concat(pieces);
  }

  /** Reads what is left and returns the SHA-256 of the whole body in hex. */
  async digest(): Promise<string> {
    while ((await this.#next()) !== null);
    return this.#hash.digest('hex');
  }

  /** Drops what is left, without holding up the answer. */
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
    // What goes wrong in there is met by whoever reads what comes out.
    pipeline(compressed, decompressor).catch(() => undefined);
    return decompressor;
  }

  /** Only what the sender takes counts as waiting, not what we do with it. */
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
