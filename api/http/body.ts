import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import type { Work } from '../../domain/limits/fair-queue.ts';
import { ApiError } from '../errors/api-error.ts';
import { BodyStream, isEncoding } from './body-stream.ts';
import type { Encoding } from './body-stream.ts';
import { queryTextOf } from './query.ts';
import { readSmallBody, refuseAnnounced } from './small-body.ts';
import { Turns } from './turns.ts';

const MIB = 1_048_576;

const JSON_LIMIT_BYTES = MIB;
const BATCH_LIMIT_BYTES = 256 * MIB;

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';

/** Records that are read while they are processed. */
export interface BatchBody {
  readonly type: typeof JSON_TYPE | typeof NDJSON_TYPE;
  readonly stream: BodyStream;
  readonly turns: Turns;
}

/**
 * The bytes of a JSON body of up to 1 MiB, decompressed. Throws `unsupported-media-type`, and what a BodyStream throws.
 */
export async function readJsonBytes(req: Request): Promise<Uint8Array> {
  expectType(req, [JSON_TYPE]);
  refuseAnnounced(req, JSON_LIMIT_BYTES);
  const stream = new BodyStream(req, { limitBytes: JSON_LIMIT_BYTES, encoding: encodingOf(req) });
  try {
    return await stream.bytes();
  } finally {
    stream.abandon();
  }
}

/**
 * The bytes of a body of up to 1 MiB of any type, as they were signed. Throws `unsupported-media-type` for a compressed
 * body, and what `readSmallBody` throws.
 */
export async function readSentBytes(req: IncomingMessage, patienceMs: number): Promise<Buffer> {
  if (encodingOf(req) !== null) throw new ApiError('unsupported-media-type', 'Webhooks are taken uncompressed only.');
  refuseAnnounced(req, JSON_LIMIT_BYTES);
  return readSmallBody(req, { limitBytes: JSON_LIMIT_BYTES, patienceMs });
}

/** A batch in JSON or NDJSON of up to 256 MiB, none of which has been read yet. */
export function openBatchBody(req: Request, work: Work): BatchBody {
  const type = expectType(req, [JSON_TYPE, NDJSON_TYPE]);
  const encoding = encodingOf(req);
  if (encoding !== null && type === NDJSON_TYPE)
    throw new ApiError('unsupported-media-type', 'NDJSON is taken uncompressed only.');
  refuseAnnounced(req, BATCH_LIMIT_BYTES);
  const stream = new BodyStream(req, { limitBytes: BATCH_LIMIT_BYTES, encoding });
  return { type, stream, turns: new Turns(work) };
}

/** Whether the request has a body according to RFC 9112 section 6.3 (June 2022). */
export function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Whether the request says that its body is no larger than this. */
export const isAnnounced = ({ headers }: IncomingMessage, limitBytes: number): boolean =>
  Number(headers['content-length'] ?? Infinity) <= limitBytes && headers['content-encoding'] === undefined;

function encodingOf(req: IncomingMessage): Encoding | null {
  const encoding = req.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding === 'identity') return null;
  if (isEncoding(encoding)) return encoding;
  throw new ApiError('unsupported-media-type', 'This Content-Encoding is not supported.');
}

/** The hash that identifies a repeated request under an idempotency key: query, type and bytes of the body. */
export function hashRequest(req: Pick<Request, 'url'>, type: string, bytes: Uint8Array | null): string {
  const hash = createHash('sha256').update(`${queryTextOf(req.url)}\n${type}\n`);
  return (bytes ? hash.update(bytes) : hash).digest('hex');
}

function expectType<const Type extends string>(req: Request, accepted: readonly Type[]): Type {
  const [given, ...parameters] = (req.headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const type = accepted.find((one) => one === given);
  if (type === undefined)
    throw new ApiError('unsupported-media-type', `Send ${accepted.join(' or ')}.`, {
      headers: { Accept: accepted.join(', ') },
    });
  const foreign = parameters.find(
    (parameter) => parameter.startsWith('charset=') && !/^charset="?utf-?8"?$/.test(parameter),
  );
  if (foreign !== undefined) throw new ApiError('unsupported-media-type', 'Send the body in UTF-8.');
  return type;
}
