import type { z } from 'zod';
import { json, jsonOf } from '../../oauth/exchange.ts';
import type { Reply, Route, Visit } from '../../oauth/exchange.ts';
import { invalidRequest } from '../errors.ts';
import { bearerWith } from '../merchants.ts';
import type { SquareState } from '../state/square-state.ts';

/** A request whose sender is known and may make it. */
export interface SquareRequest {
  readonly state: SquareState;
  /** Id of the merchant that it acts for. */
  readonly merchant: string;
  /** The first group of the path: an id. */
  readonly part: string;
  readonly nowMs: number;
  readonly visit: Visit;
  /** What is newer is missing from searches. */
  readonly searchedUntilMs: number;
}

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: RegExp;
  /** The permission that it takes, https://developer.squareup.com/docs/oauth-api/square-permissions (2026-11). */
  readonly scope: string;
  /** Answers the body. Throws a `Refusal` to refuse. */
  readonly run: (request: SquareRequest) => object;
}

/** https://developer.squareup.com/docs/build-basics/versioning-overview (2026-11). */
const VERSION = /^\d{4}-\d{2}-\d{2}$/;

export function routeOf(
  { state, searchDelayMs }: { readonly state: SquareState; readonly searchDelayMs: () => number },
  { method, path, scope, run }: Endpoint,
): Route {
  return {
    method,
    path,
    run(visit, part): Reply {
      const merchant = bearerWith(visit, scope).merchant.id;
      const version = visit.headers['square-version'];
      if (version !== undefined && (typeof version !== 'string' || !VERSION.test(version)))
        throw invalidRequest('INVALID_SQUARE_VERSION_FORMAT', 'The Square-Version header is not a date.');
      const before = state.revision;
      const body = run({
        ...{ state, merchant, part: decodeURIComponent(part), nowMs: visit.nowMs, visit },
        searchedUntilMs: visit.nowMs - searchDelayMs(),
      });
      return json(body, {
        written: state.revision !== before,
        headers: version === undefined ? {} : { 'square-version': version },
      });
    },
  };
}

/**
 * The fields of the body. What the schema does not know is refused, so that a parameter that the stand-in does not
 * simulate is never ignored.
 */
export function bodyOf<Schema extends z.ZodType>({ visit }: SquareRequest, schema: Schema): z.output<Schema> {
  const fields = jsonOf(visit);
  if (fields === null) throw invalidRequest('BAD_REQUEST', 'The request body is not JSON.');
  return read(schema, fields);
}

/** The parameters of the query, as texts. */
export function queryOf<Schema extends z.ZodType>({ visit }: SquareRequest, schema: Schema): z.output<Schema> {
  return read(schema, Object.fromEntries(visit.query));
}

/** A value as a schema has it. Throws a `Refusal`. */
export function read<Schema extends z.ZodType>(schema: Schema, fields: unknown): z.output<Schema> {
  const result = schema.safeParse(fields);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw invalidRequest(codeOf(issue), `${field}: ${issue?.message ?? 'invalid'}`, field === '' ? undefined : field);
}

function codeOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'too_small') return 'VALUE_TOO_LOW';
  if (issue?.code === 'too_big') return 'VALUE_TOO_HIGH';
  return issue?.code === 'unrecognized_keys' ? 'BAD_REQUEST' : 'INVALID_VALUE';
}
