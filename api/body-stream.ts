import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Zlib } from 'node:zlib';
import { ApiError } from './api-error.ts';

const DECOMPRESSORS = { gzip: createGunzip, deflate: createInflate, br: createBrotliDecompress } as const;
export type Encoding = keyof typeof DECOMPRESSORS;

export const isEncoding = (name: string): name is Encoding => Object.hasOwn(DECOMPRESSORS, name);

/** A body that is worked on as it arrives; holds one chunk of it at a time, and hashes what goes by. */
export class BodyStream {
  readonly #req: IncomingMessage;
  readonly #limitBytes: number;
  readonly #hash = createHash('sha256');
  readonly #arriving: AsyncIterator<unknown>;
  readonly #chunks: AsyncIterator<unknown>;
  readonly #decompressor: (Readable & Zlib) | null;
  #readBytes = 0;
  #brokenOff = false;

  /** `limitBytes` counts what is left after decompression. */
  constructor(req: IncomingMessage, { limitBytes, encoding }: { readonly limitBytes: number; readonly encoding: Encoding | null }) {
    this.#req = req;
    this.#limitBytes = limitBytes;
    // Giving up must not cut the connection: the answer still has to reach the caller.
    this.#arriving = req.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
    this.#decompressor = encoding === null ? null : this.#decompress(encoding);
    this.#chunks = this.#decompressor?.[Symbol.asyncIterator]() ?? this.#arriving;
  }

  /** What has not been read yet. Throws `body-too-large`, `invalid-encoding`, or `malformed-request` when the body ends before its time. */
  async *chunks(): AsyncGenerator<Buffer> {
    for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) yield chunk;
  }

  /** Reads what is left and returns the SHA-256 of the whole body in hex. */
  async digest(): Promise<string> {
    while ((await this.#next()) !== null);
    return this.#hash.digest('hex');
  }

  /** Drops what is left, without holding up the answer. */
  abandon(): void {
    this.#decompressor?.destroy();
    const over = () => { this.#req.resume(); };
    this.#arriving.return?.().then(over, over);
  }

  #decompress(encoding: Encoding): Readable & Zlib {
    const decompressor = DECOMPRESSORS[encoding]();
    const compressed = Readable.from({ [Symbol.asyncIterator]: () => ({ next: () => this.#arrive() }) });
    // What goes wrong in there is met by whoever reads what comes out.
    pipeline(compressed, decompressor).catch(() => undefined);
    return decompressor;
  }

  async #arrive(): Promise<IteratorResult<unknown>> {
    try {
      return await this.#arriving.next();
    } catch (error) {
      this.#brokenOff = true;
      throw error;
    }
  }

  async #next(): Promise<Buffer | null> {
    let result: IteratorResult<unknown>;
    try {
      result = await this.#chunks.next();
    } catch (error) {
      if (this.#decompressor && !this.#brokenOff) throw new ApiError('invalid-encoding', 'The body could not be decompressed.', { cause: error });
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
