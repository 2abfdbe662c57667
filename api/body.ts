import { createHash } from 'node:crypto';
import express from 'express';
import type { Request, RequestHandler, Response } from 'express';
import { ApiError } from './api-error.ts';
import { BodyStream, isEncoding } from './body-stream.ts';
import type { Encoding } from './body-stream.ts';
import { queryTextOf } from './query.ts';

const MIB = 1_048_576;

export const JSON_LIMIT_BYTES = MIB;
export const BATCH_LIMIT_BYTES = 256 * MIB;

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';

const readSmall = rawReader(JSON_LIMIT_BYTES);
const readAsSent = express.raw({ type: () => true, limit: JSON_LIMIT_BYTES, inflate: false });

/** Records that are read while they are worked on. */
export interface BatchBody {
  readonly type: typeof JSON_TYPE | typeof NDJSON_TYPE;
  readonly stream: BodyStream;
}

/** The bytes of a JSON body of up to 1 MiB, decompressed. Throws `unsupported-media-type` or `body-too-large`. */
export async function readJsonBytes(req: Request, res: Response): Promise<Uint8Array> {
  expectType(req, [JSON_TYPE]);
  return read(readSmall, req, res);
}

/** The bytes of a body of up to 1 MiB, whatever its type, as they were signed. Throws `body-too-large`, and `unsupported-media-type` for one that is compressed. */
export function readSentBytes(req: Request, res: Response): Promise<Uint8Array> {
  return read(readAsSent, req, res);
}

/** A batch in JSON or NDJSON, of up to 256 MiB. Nothing of it has been read yet. */
export function openBatchBody(req: Request): BatchBody {
  const type = expectType(req, [JSON_TYPE, NDJSON_TYPE]);
  const encoding = encodingOf(req);
  if (encoding !== null && type === NDJSON_TYPE) throw new ApiError('unsupported-media-type', 'NDJSON is taken uncompressed only.');
  if (Number(req.headers['content-length'] ?? 0) > BATCH_LIMIT_BYTES) throw new ApiError('body-too-large', `A batch is at most ${BATCH_LIMIT_BYTES / MIB} MB.`);
  return { type, stream: new BodyStream(req, { limitBytes: BATCH_LIMIT_BYTES, encoding }) };
}

/** Whether the request announces a body, as RFC 9112 section 6.3 has it (June 2022). */
export function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function encodingOf(req: Request): Encoding | null {
  const encoding = req.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding === 'identity') return null;
  if (isEncoding(encoding)) return encoding;
  throw new ApiError('unsupported-media-type', 'This Content-Encoding is not supported.');
}

/** What makes two requests with the same idempotency key the same: the query, the type and the bytes of the body. */
export function hashRequest(req: Pick<Request, 'url'>, type: string, bytes: Uint8Array | null): string {
  const hash = createHash('sha256').update(`${queryTextOf(req.url)}\n${type}\n`);
  return (bytes ? hash.update(bytes) : hash).digest('hex');
}

function expectType<const Type extends string>(req: Request, accepted: readonly Type[]): Type {
  const [given, ...parameters] = (req.headers['content-type'] ?? '').split(';').map((part) => part.trim().toLowerCase());
  const type = accepted.find((one) => one === given);
  if (type === undefined) throw new ApiError('unsupported-media-type', `Send ${accepted.join(' or ')}.`, { headers: { Accept: accepted.join(', ') } });
  const foreign = parameters.find((parameter) => parameter.startsWith('charset=') && !/^charset="?utf-?8"?$/.test(parameter));
  if (foreign !== undefined) throw new ApiError('unsupported-media-type', 'Send the body in UTF-8.');
  return type;
}

function rawReader(limit: number): RequestHandler {
  return express.raw({ type: () => true, limit });
}

/** After an error the rest of the body has been read off, so that a client that is still sending hears the answer. */
function read(reader: RequestHandler, req: Request, res: Response): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    void reader(req, res, (error?: unknown) => {
      if (error === undefined) resolve(req.body instanceof Uint8Array ? req.body : new Uint8Array());
      else reject(error instanceof Error ? error : new Error('body reader failed'));
    });
  });
}
