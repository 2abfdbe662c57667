import type { RequestHandler, Response } from 'express';
import type { Authenticator } from '../auth/authentication.ts';
import type { BodyStream } from './body-stream.ts';
import { requireAllVenues, requireRole } from '../auth/caller.ts';
import type { AnyCall, Answer, Endpoint } from './endpoint.ts';
import type { ApiError } from '../errors/api-error.ts';
import { toApiError } from '../errors/error-handler.ts';
import { idempotencyRefOf, readIdempotencyKey, requestKeyOf } from './idempotency.ts';
import type { Idempotency, SerialisedAnswer } from './idempotency.ts';
import { readIds, prepareCall } from './prepare-call.ts';
import type { PreparedCall } from './prepare-call.ts';
import { PROBLEM_JSON, toProblem } from '../errors/problem-details.ts';
import type { RateLimits } from '../auth/rate-limits.ts';
import { contextOf } from './request-context.ts';
import type { RequestContext } from './request-context.ts';
import type { VenueGate } from '../auth/venue-gate.ts';

export interface RunnerDeps {
  readonly authenticator: Authenticator;
  readonly limits: RateLimits;
  readonly gate: VenueGate;
  readonly idempotency: Idempotency;
  readonly publicUrl: string;
}

const JSON_CONTENT = 'application/json; charset=utf-8';

/**
 * Runs the steps that all operations share, in an order that reveals nothing to strangers: authentication, rate limit,
 * venue, role, input.
 */
export function createRunner(deps: RunnerDeps): (endpoint: Endpoint) => RequestHandler {
  return (endpoint) => async (req, res) => {
    const exchange = { req, res };
    const context = contextOf(req);
    const caller = await deps.authenticator.authenticate(req.headers.authorization);
    context.subject = caller.subject;
    await deps.limits.countCaller(exchange, caller);
    const ids = readIds(req, endpoint);
    if (ids.venueId) {
      await deps.gate.enter(caller, ids.venueId);
      context.venueId = ids.venueId;
      await deps.limits.countVenue(exchange, ids.venueId);
    }
    requireRole(caller, endpoint.role);
    if (endpoint.allVenues) requireAllVenues(caller);
    if (endpoint.effort && ids.venueId) await deps.limits.countEffort(exchange, endpoint.effort, ids.venueId);
    const key = endpoint.idempotent ? readIdempotencyKey(req.headers['idempotency-key']) : null;
    const prepared = await prepareCall(endpoint, exchange, { caller, ids });
    if (endpoint.stream) {
      await endpoint.stream(prepared.call, exchange);
      return;
    }
    try {
      if (key === null) {
        const answer = await endpoint.handle(prepared.call);
        context.limit = answer.limit ?? null;
        send(res, serialise(answer));
      } else {
        const answer = await runOnce(endpoint, prepared, key);
        noteRefusal(context, answer);
        send(res, answer);
      }
    } finally {
      prepared.stream?.abandon();
    }
  };

  async function runOnce(
    endpoint: HandledEndpoint,
    { call, hash: hashOf, stream }: PreparedCall,
    key: string,
  ): Promise<SerialisedAnswer> {
    const ref = idempotencyRefOf(call.caller, {
      operation: `${endpoint.method.toUpperCase()} ${call.path}`,
      key,
      inVenue: call.ids.venueId !== undefined,
    });
    const hash = hashOf();
    const requestKey = requestKeyOf(call.caller, { ref, hash, stream });
    const { answer, replayed } = await deps.idempotency.run({ ref, hash, stream }, async () => {
      try {
        return serialise(await endpoint.handle({ ...call, requestKey }));
      } catch (thrown) {
        return refusal(thrown, call, stream);
      }
    });
    return replayed ? { ...answer, headers: { ...answer.headers, 'Idempotency-Replayed': 'true' } } : answer;
  }

  /**
   * A refusal as an answer that can be stored. Throws temporary errors, and those of a stream that broke off, which has
   * no hash.
   */
  function refusal(thrown: unknown, call: AnyCall, stream: BodyStream | null): SerialisedAnswer {
    const error = toApiError(thrown);
    if (error.status >= 500 || (stream && error.status !== 422)) throw thrown;
    const body = JSON.stringify(toProblem(error, { requestId: call.requestId, publicUrl: deps.publicUrl }));
    return { status: error.status, headers: { ...error.headers, 'Content-Type': PROBLEM_JSON }, body };
  }
}

/** Records a stored refusal, because only others pass through the error handler. */
function noteRefusal(context: RequestContext, { status, body }: SerialisedAnswer): void {
  if (status < 400) return;
  const { code, errorsOmitted = 0 } = JSON.parse(body) as { code: ApiError['code']; errorsOmitted?: number };
  context.code = code;
  if (errorsOmitted > 0) context.limit = 'errors-cut';
}

type HandledEndpoint = Extract<Endpoint, { stream: null }>;

function serialise({ status, body, headers }: Answer): SerialisedAnswer {
  return { status, headers: { ...headers, 'Content-Type': JSON_CONTENT }, body: JSON.stringify(body) };
}

function send(res: Response, { status, headers, body }: SerialisedAnswer): void {
  res.status(status).set(headers).setHeader('Cache-Control', 'no-store');
  res.end(res.req.method === 'HEAD' ? undefined : body);
}
