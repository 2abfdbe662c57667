import { validate as isUuid } from 'uuid';
import type { Request } from 'express';
import type { Work } from '../../domain/limits/fair-queue.ts';
import { hasBody, hashRequest, isAnnounced, JSON_TYPE, openBatchBody, readJsonBytes } from './body.ts';
import type { BodyStream } from './body-stream.ts';
import type { Caller } from '../auth/caller.ts';
import type { AnyCall, AnyIds, Endpoint, Exchange } from './endpoint.ts';
import type { ApiError } from '../errors/api-error.ts';
import { readIdempotencyKey } from './idempotency.ts';
import { decodeJson } from './json.ts';
import { notFound, recordNotFound } from '../errors/not-found.ts';
import { allOf, check, isLarge, isSent } from './parse.ts';
import type { Parsed } from './parse.ts';
import { readQuery } from './query.ts';
import { contextOf } from './request-context.ts';

export interface PreparedCall {
  readonly call: AnyCall;
  /** The value of `Idempotency-Key`; null without one, and for an operation that takes none. */
  readonly key: string | null;
  /** Hashes the whole request, for the idempotency key; only its head when the body is a stream. */
  readonly hash: () => string;
  readonly stream: BodyStream | null;
  /** A batch so short that its records are likely written at once. */
  readonly isShort: boolean;
}

const NO_KEY: Parsed<null> = { ok: true, value: null };
const ABSENT: Parsed<undefined> = { ok: true, value: undefined };
const NO_BYTES = new Uint8Array();
/** A repeat of such a request is validated before its stored answer is found: it must cost no more than the look-up. */
const SHORT_BATCH_BYTES = 1_024;

/** The ids in the path. Throws not found for one that is not a UUID or not one of our words. */
export function readIds(req: Request, endpoint: Endpoint): AnyIds {
  const ids: Record<string, string> = {};
  for (const [name, value] of Object.entries(req.params)) {
    if (typeof value !== 'string' || !isKnown(endpoint, name as keyof AnyIds, value)) throw missing(endpoint, name);
    ids[name] = value.toLowerCase();
  }
  return ids;
}

function isKnown({ pathWords }: Endpoint, name: keyof AnyIds, value: string): boolean {
  return pathWords[name]?.includes(value) ?? isUuid(value);
}

function missing({ recordKind, notFound: codes }: Endpoint, name: string): ApiError {
  return recordKind?.idName === name ? recordNotFound(recordKind) : notFound(codes[name as keyof AnyIds]);
}

/** Spells ids uniformly, because idempotency keys and cursors compare paths. */
function canonicalPath(template: string, ids: AnyIds): string {
  return template.replace(/\{(\w+)\}/g, (_, name: keyof AnyIds) => ids[name] ?? '');
}

/** Reads and validates query, idempotency key and body. Throws with the errors of all at once. */
export async function prepareCall(
  endpoint: Endpoint,
  { req }: Exchange,
  { work, ...who }: { readonly caller: Caller; readonly ids: AnyIds; readonly work: Work },
): Promise<PreparedCall> {
  const head = {
    ...who,
    requestId: contextOf(req).requestId,
    requestKey: null,
    claim: null,
    path: canonicalPath(endpoint.path, who.ids),
  };
  const { values, repeated } = readQuery(req.url);
  const query = check(endpoint.query, values);
  const key = endpoint.idempotent ? readIdempotencyKey(req.headers['idempotency-key']) : NO_KEY;
  if (endpoint.batch) {
    const [value, keyValue] = allOf(query, key, repeated);
    const body = openBatchBody(req, work);
    return {
      call: { ...head, query: value, body },
      key: keyValue,
      hash: () => hashRequest(req, body.type, null),
      stream: body.stream,
      isShort: isAnnounced(req, SHORT_BATCH_BYTES),
    };
  }
  const takesBody = endpoint.body !== null && !(endpoint.bodyOptional && !hasBody(req));
  const bytes = takesBody ? await readJsonBytes(req) : NO_BYTES;
  const input = takesBody ? decodeJson(bytes) : {};
  const body = await checkBody(endpoint, who.ids, input);
  const isRight = [query, key, body, repeated].every(({ ok }) => ok);
  const broken = isRight ? ABSENT : await brokenRules(endpoint, who.ids, endpoint.body === null ? values : input);
  const [queryValue, keyValue, bodyValue] = allOf(query, key, body, repeated, broken);
  return {
    call: { ...head, query: queryValue, body: bodyValue },
    key: keyValue,
    hash: () => hashRequest(req, JSON_TYPE, bytes),
    stream: null,
    isShort: false,
  };
}

/** Asked for only where something is wrong in itself. Of a large input, that is all that is named. */
async function brokenRules({ rules }: Endpoint, ids: AnyIds, input: unknown): Promise<Parsed<undefined>> {
  if (rules === null || !isSent(input) || isLarge(input)) return ABSENT;
  const errors = await rules(ids, input);
  return errors.length === 0 ? ABSENT : { ok: false, errors, omitted: 0 };
}

async function checkBody(
  { body, checkBody: checkStored }: Endpoint,
  ids: AnyIds,
  input: unknown,
): Promise<Parsed<unknown>> {
  if (body === null) return ABSENT;
  return checkStored ? checkStored(ids, input) : check(body, input);
}
