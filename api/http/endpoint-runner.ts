import type { Request, Response } from 'express';
import { validate as isUuid } from 'uuid';
import type { VenueId } from '../../contracts/ids.ts';
import type { FairQueue, Work } from '../../domain/limits/fair-queue.ts';
import type { AuditTrail } from '../admin/audit-trail.ts';
import type { Authenticator } from '../auth/authentication.ts';
import type { BodyStream } from './body-stream.ts';
import { reaches, requireAllVenues, requireRole } from '../auth/caller.ts';
import type { Caller } from '../auth/caller.ts';
import { JsonText, needsOpenVenue } from './endpoint.ts';
import type { AnyCall, AnyIds, Answer, Endpoint, Exchange } from './endpoint.ts';
import { ApiError } from '../errors/api-error.ts';
import { toApiError } from '../errors/error-handler.ts';
import { idempotencyRefOf, requestKeyOf } from './idempotency.ts';
import type { Idempotency, Outcome, SerialisedAnswer } from './idempotency.ts';
import { readIds, prepareCall } from './prepare-call.ts';
import type { PreparedCall } from './prepare-call.ts';
import { PROBLEM_JSON, toProblem } from '../errors/problem-details.ts';
import type { RateLimits } from '../auth/rate-limits.ts';
import { contextOf, noteLimit } from './request-context.ts';
import type { RequestContext } from './request-context.ts';
import { costOfBytes } from './turns.ts';
import type { VenueGate } from '../auth/venue-gate.ts';

export interface RunnerDeps {
  readonly authenticator: Authenticator;
  readonly limits: RateLimits;
  readonly gate: VenueGate;
  readonly idempotency: Idempotency;
  readonly audit: Pick<AuditTrail, 'write'>;
  readonly publicUrl: string;
  /** Shares this process's time among venues, and among callers where a request is about no venue. */
  readonly requests: FairQueue;
}

/** Answers one request. Rejects with what the answer is to tell as a problem. */
export type Run = (req: Request, res: Response) => Promise<void>;

const JSON_CONTENT = 'application/json; charset=utf-8';

/** Costs of a request besides its bytes, in milliseconds of the process. */
const REQUEST_COST_MS = 1;
/** Of one that starts something in Temporal or calls a provider. */
const EFFORT_COST_MS = 5;
/** What the latter costs Postgres, Temporal and the worker. */
const EFFORT_COST_ELSEWHERE_MS = 15;

const RETRY_AFTER_MS = 1_000;

/**
 * Runs the steps that all operations share, in an order that reveals nothing to strangers: authentication, rate limit,
 * venue, role, input.
 */
export function createRunner(deps: RunnerDeps): (endpoint: Endpoint) => Run {
  return (endpoint) => async (req, res) => {
    const exchange = { req, res };
    const caller = await deps.authenticator.authenticate(req.headers.authorization);
    contextOf(req).subject = caller.subject;
    const venueId = reachedVenue(req, caller);
    const work = await deps.requests.start(venueId ?? caller.subject, endpoint.effort === null ? 'start' : 'lasting');
    if (work === null) {
      contextOf(req).venueId = venueId;
      throw await waitedTooLong(exchange, caller, endpoint);
    }
    try {
      // A caller that has left while its request waited needs no answer.
      if (!res.closed) await serve(endpoint, exchange, { caller, work });
    } finally {
      work.end();
    }
  };

  async function waitedTooLong(exchange: Exchange, caller: Caller, { effort }: Endpoint): Promise<ApiError> {
    await deps.limits.countCaller(exchange, caller);
    noteLimit(exchange.req, effort === null ? 'rate-limited-venue-time' : 'rate-limited-venue-starting');
    return new ApiError('rate-limited', 'Too many requests of this venue are waiting for their turn.', {
      retryAfterMs: RETRY_AFTER_MS,
    });
  }

  async function serve(
    endpoint: Endpoint,
    exchange: Exchange,
    { caller, work }: { readonly caller: Caller; readonly work: Work },
  ): Promise<void> {
    const { req, res } = exchange;
    const context = contextOf(req);
    spendOn(endpoint, work);
    const ids = await admit(endpoint, exchange, caller);
    const prepared = await prepareCall(endpoint, exchange, { caller, ids, work });
    if (endpoint.stream) {
      await endpoint.stream(prepared.call, exchange);
      return;
    }
    try {
      if (prepared.key === null) {
        const answer = await endpoint.handle(prepared.call);
        if (endpoint.whileClosing && ids.venueId) deps.gate.forget(ids.venueId);
        context.limit = answer.limit ?? null;
        if (answer.audit) await deps.audit.write(answer.audit);
        work.spend(send(res, serialise(answer)));
      } else {
        const answer = await runOnce(endpoint, prepared, prepared.key);
        noteRefusal(context, answer);
        work.spend(send(res, answer));
      }
    } finally {
      prepared.stream?.abandon();
    }
  }

  /** Returns the ids in the path. Throws for a caller that may not, or not now, use the operation on them. */
  async function admit(endpoint: Endpoint, exchange: Exchange, caller: Caller): Promise<AnyIds> {
    await deps.limits.countCaller(exchange, caller);
    const ids = readIds(exchange.req, endpoint);
    if (ids.venueId) {
      await deps.gate.enter(caller, ids.venueId);
      contextOf(exchange.req).venueId = ids.venueId;
      await deps.limits.countVenue(exchange, ids.venueId);
    }
    requireRole(caller, endpoint.role);
    if (endpoint.allVenues) requireAllVenues(caller);
    if (ids.venueId && needsOpenVenue(endpoint)) await deps.gate.requireOpen(ids.venueId);
    if (endpoint.effort && ids.venueId) await deps.limits.countEffort(exchange, endpoint.effort, ids.venueId);
    return ids;
  }

  async function runOnce(
    endpoint: HandledEndpoint,
    { call, hash: hashOf, stream, isShort }: PreparedCall,
    key: string,
  ): Promise<SerialisedAnswer> {
    const ref = idempotencyRefOf(call.caller, {
      operation: `${endpoint.method.toUpperCase()} ${call.path}`,
      key,
      inVenue: call.ids.venueId !== undefined,
    });
    const hash = hashOf();
    const requestKey = requestKeyOf(call.caller, { ref, hash, stream });
    const { answer, replayed } = await deps.idempotency.run(
      { ref, hash, stream, isShort },
      async (claim): Promise<Outcome> => {
        try {
          const answer = await endpoint.handle({ ...call, requestKey, claim });
          return { answer: serialise(answer), audit: answer.audit ?? null };
        } catch (thrown) {
          return { answer: refusal(thrown, call, stream), audit: null };
        }
      },
    );
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

function spendOn({ effort }: Endpoint, work: Work): void {
  work.spend(effort ? EFFORT_COST_MS : REQUEST_COST_MS);
  work.spendElsewhere(effort ? EFFORT_COST_ELSEWHERE_MS : 0);
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
  const text = body instanceof JsonText ? body.text : JSON.stringify(body);
  return { status, headers: { ...headers, 'Content-Type': JSON_CONTENT }, body: text };
}

/** Returns what the answer costs, in milliseconds. */
function send(res: Response, { status, headers, body }: SerialisedAnswer): number {
  res.statusCode = status;
  // Not Express's own way, which reads each media type anew to add the charset that ours have.
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.setHeader('Cache-Control', 'no-store');
  res.end(res.req.method === 'HEAD' ? undefined : body);
  return costOfBytes(body.length);
}

/** The venue of the path where the token reaches it: nobody can use up the share of another. */
function reachedVenue({ params: { venueId } }: Request, caller: Caller): VenueId | null {
  const isReached = typeof venueId === 'string' && isUuid(venueId) && reaches(caller, venueId as VenueId);
  return isReached ? (venueId as VenueId) : null;
}
