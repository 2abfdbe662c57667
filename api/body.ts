import { createHash } from 'node:crypto';
import express from 'express';
import type { Request, RequestHandler, Response } from 'express';
import { ApiError } from './api-error.ts';
import { BodyStream } from './body-stream.ts';

const MIB = 1_048_576;

export const JSON_LIMIT_BYTES = MIB;
export const JSON_BATCH_LIMIT_BYTES = 10 * MIB;
export const NDJSON_LIMIT_BYTES = 256 * MIB;

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';

const readSmall = rawReader(JSON_LIMIT_BYTES);
const readBatch = rawReader(JSON_BATCH_LIMIT_BYTES);

export type BatchBody = { readonly kind: 'json'; readonly bytes: Uint8Array } | { readonly kind: 'ndjson'; readonly stream: BodyStream };

/** The bytes of a JSON body of up to 1 MiB, decompressed. Throws `unsupported-media-type` or `body-too-large`. */
export async function readJsonBytes(req: Request, res: Response): Promise<Uint8Array> {
  expectType(req, [JSON_TYPE]);
  return read(readSmall, req, res);
}

/** A batch: JSON of up to 10 MiB, or NDJSON that is read while it is worked on. */
export async function readBatchBody(req: Request, res: Response): Promise<BatchBody> {
  const type = expectType(req, [JSON_TYPE, NDJSON_TYPE]);
  if (type === JSON_TYPE) return { kind: 'json', bytes: await read(readBatch, req, res) };
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ApiError('unsupported-media-type', 'NDJSON is taken uncompressed only.');
  }
  if (Number(req.headers['content-length'] ?? 0) > NDJSON_LIMIT_BYTES) throw new ApiError('body-too-large', 'An NDJSON load is at most 256 MB.');
  return { kind: 'ndjson', stream: new BodyStream(req, NDJSON_LIMIT_BYTES) };
}

/** What makes two requests with the same idempotency key the same: the query, the type and the bytes of the body. */
export function hashRequest(req: Request, type: string, bytes: Uint8Array | null): string {
  const hash = createHash('sha256').update(`${req.url.split('?')[1] ?? ''}\n${type}\n`);
  return (bytes ? hash.update(bytes) : hash).digest('hex');
}

function expectType(req: Request, accepted: readonly string[]): string {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '').split(';').map((part) => part.trim().toLowerCase());
  if (!accepted.includes(type)) throw new ApiError('unsupported-media-type', `Send ${accepted.join(' or ')}.`, { headers: { Accept: accepted.join(', ') } });
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
