import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { cutBy, PROXY_PAGE, send } from '../core/answer.ts';
import type { Answer } from '../core/answer.ts';
import type { CallLog } from '../core/call-log.ts';
import { pageFaultOf } from '../core/faults.ts';
import type { Fault, Faults } from '../core/faults.ts';
import { readBody } from '../core/http.ts';
import { randomId } from '../core/ids.ts';
import { basicOf, formOf, jsonOf, Refusal, visitOf } from './exchange.ts';
import type { AccountBook, Reply, Route, Visit } from './exchange.ts';
import type { Ledger } from './ledger.ts';

/** What a stand-in that keeps records adds to an authorisation server. */
export interface RecordService {
  readonly routes: readonly Route[];
  readonly bodyLimitBytes: number;
  /** Of the request's list, for faults that change pages; null for a request of no list. */
  readonly pageOf: (visit: Visit) => 'first' | 'later' | null;
  /** The refusal of a request that exceeds a rate limit; null for one that may pass. */
  readonly admit: (visit: Visit, account: string | null) => Reply | null | Promise<Reply | null>;
  /** Added to every answer. */
  readonly latencyMs: () => number;
  /** For a provider that limits how many requests are under way at once. */
  readonly connections?: Connections;
  /** For a provider that keeps a failure under the request’s idempotency key, and answers it again. */
  readonly keepFailure?: (visit: Visit, failure: Answer) => void;
}

/** Told of each request for an account as it arrives and as it is answered. */
export interface Connections {
  /** The refusal of a request that is one too many; null for one that may pass. */
  readonly open: (account: string) => Reply | null;
  readonly close: (account: string) => void;
}

export const NO_RECORDS: RecordService = {
  routes: [],
  bodyLimitBytes: 64 * 1024,
  pageOf: () => null,
  admit: () => null,
  latencyMs: () => 0,
};

export interface ServiceParts {
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly routes: readonly Route[];
  /** The provider's generic error for a status. */
  readonly refuse: (status: number, code?: string) => Reply;
  /** A failure inside a 200, for a provider that has such answers. */
  readonly insideSuccess?: ((code?: string) => Reply) | undefined;
  /** Headers of every answer, given the request id. */
  readonly headers?: (requestId: string) => Readonly<Record<string, string>>;
  readonly records: RecordService;
  /** Receives the sandbox's own errors. */
  readonly onError: (error: unknown) => void;
}

/**
 * Serves an authorisation server and the resources that its tokens open: applies faults, runs the route, then logs the
 * call.
 */
export function createService(parts: ServiceParts): RequestListener {
  return (req, res) => {
    serve(parts, req, res).catch(parts.onError);
  };
}

async function serve(parts: ServiceParts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const at = Date.now();
  const requestId = randomId('req_', 14);
  const { records } = parts;
  const body = await readBody(req, records.bodyLimitBytes);
  const { crowded, leave } = enter(parts, visitOf(req, { ...parts, body: body ?? '' }));
  if (records.latencyMs() > 0) await sleep(records.latencyMs());
  const arrived = visitOf(req, { ...parts, body: body ?? '' });
  const account = accountOf(arrived);
  const page = records.pageOf(arrived);
  const fault = parts.faults.strike({ method: arrived.method, path: arrived.path, account, page });
  const visit = { ...arrived, pageFault: pageFaultOf(fault) };
  const refused = crowded ?? (body === null ? parts.refuse(413) : await records.admit(visit, account));
  const answer = refused ? toAnswer(refused) : await answerOf(parts, visit, { fault, account });
  leave();
  note(parts, visit, { at, requestId, answer, fault, account });
  const date = new Date(parts.ledger.clock.nowMs()).toUTCString();
  send(req, res, { ...answer, headers: { date, ...parts.headers?.(requestId), ...answer.headers } });
}

interface Striking {
  readonly fault: Fault | null;
  readonly account: string | null;
}

interface Noted extends Striking {
  readonly at: number;
  readonly requestId: string;
  readonly answer: Answer;
}

/** Writes a request down in the log of calls. */
function note({ calls }: ServiceParts, visit: Visit, { at, requestId, answer, fault, account }: Noted): void {
  calls.add({
    at,
    answeredAt: Date.now(),
    method: visit.method,
    path: visit.path,
    query: maskedQuery(visit.query),
    status: answer.cut === 'before' ? 0 : answer.status,
    idempotencyKey: null,
    written: answer.written ?? false,
    requestId,
    account,
    fault: fault?.kind ?? null,
    grantType: grantTypeOf(visit),
  });
}

/** Counts a request among those that are under way, until `leave`. */
function enter({ records: { connections } }: ServiceParts, arrived: Visit) {
  const account = connections ? accountOf(arrived) : null;
  if (!connections || account === null) return { crowded: null, leave: () => undefined };
  return {
    crowded: connections.open(account),
    leave: () => {
      connections.close(account);
    },
  };
}

async function answerOf(parts: ServiceParts, visit: Visit, { fault, account }: Striking): Promise<Answer> {
  if (fault === null) return run(parts, visit);
  switch (fault.kind) {
    case 'reset':
      return { status: 0, body: '', cut: 'before' };
    case 'status':
      return fault.stored ? kept(parts, visit, injected(parts, fault)) : injected(parts, fault);
    case 'html':
      return injected(parts, fault);
    case 'slow':
      await sleep(fault.delayMs);
      // Read the time again: the clock may have moved during the wait.
      return run(parts, { ...visit, nowMs: parts.ledger.clock.nowMs() });
    case 'commit-then-fail':
      return failAfterwards(parts, visit, { fault, ran: run(parts, visit) });
    case 'revoke':
      if (account !== null) parts.ledger.refusedAccounts.add(account);
      return run(parts, visit);
    default:
      return cutBy(fault, run(parts, visit));
  }
}

/** Waits `delayMs` first, to simulate a client that times out before the answer arrives. */
async function failAfterwards(
  parts: ServiceParts,
  visit: Visit,
  { fault, ran }: { readonly fault: Fault; readonly ran: Answer },
): Promise<Answer> {
  await sleep(fault.delayMs);
  if (fault.status === undefined) return cutBy(fault, ran);
  return kept(parts, visit, { ...injected(parts, fault), written: ran.written ?? false });
}

function kept({ records }: ServiceParts, visit: Visit, failure: Answer): Answer {
  records.keepFailure?.(visit, failure);
  return failure;
}

function run({ ledger, routes, records, refuse, onError }: ServiceParts, visit: Visit): Answer {
  try {
    const reply = replyTo([...routes, ...records.routes], visit) ?? refuse(404);
    ledger.commit(reply.changes);
    return toAnswer(reply);
  } catch (error) {
    onError(error);
    return toAnswer(refuse(500));
  }
}

function replyTo(routes: readonly Route[], visit: Visit): Reply | null {
  for (const route of routes) {
    const match = route.method === visit.method ? route.path.exec(visit.path) : null;
    if (!match) continue;
    try {
      return route.run(visit, match[1] ?? '');
    } catch (error) {
      if (error instanceof Refusal) return error.reply;
      throw error;
    }
  }
  return null;
}

function injected(parts: ServiceParts, fault: Fault): Answer {
  if (fault.body === 'inside-success' && parts.insideSuccess) return toAnswer(parts.insideSuccess(fault.code));
  return refusedBy(parts, fault);
}

function refusedBy({ refuse }: ServiceParts, fault: Fault): Answer {
  const html = fault.kind === 'html' || fault.body === 'html';
  const reply = refuse(fault.status ?? 500, fault.code);
  const status = fault.kind === 'html' ? (fault.status ?? 200) : reply.status;
  const headers = {
    ...reply.headers,
    ...(html && { 'content-type': 'text/html' }),
    ...(fault.retryAfter !== undefined && { 'retry-after': String(fault.retryAfter) }),
  };
  return { status, headers, body: html ? PROXY_PAGE : fault.body === 'empty' ? '{}' : reply.body };
}

function toAnswer({ status, headers, body, changes, written = changes.length > 0 }: Reply): Answer {
  return { status, headers, body, written };
}

const SECRET_FIELDS = ['code', 'refresh_token', 'access_token', 'token'];

/** The account of a request, found by any code, token, key or account id that it carries. */
function accountOf(visit: Visit): string | null {
  const { ledger, accounts, headers } = visit;
  const fields: Readonly<Record<string, unknown>> = formOf(visit) ?? jsonOf(visit) ?? {};
  const bearer = headers.authorization?.split(' ')[1];
  // Mailchimp's own client sends a key as the password.
  const secrets = [bearer, basicOf(visit)?.password, ...SECRET_FIELDS.map((name) => fields[name])];
  const [known] = secrets.flatMap((secret) => (typeof secret === 'string' ? (ledger.accountBehind(secret) ?? []) : []));
  if (known !== undefined) return known;
  const owner = accounts.list().find(({ details }) => Object.values(details).some((value) => secrets.includes(value)));
  if (owner) return owner.id;
  const named = fields['merchant_id'] ?? fields['stripe_user_id'];
  return typeof named === 'string' ? named : null;
}

function grantTypeOf(visit: Visit): string | null {
  const grantType = visit.method === 'POST' ? (formOf(visit) ?? jsonOf(visit))?.['grant_type'] : undefined;
  return typeof grantType === 'string' ? grantType : null;
}

/** The query without secrets that would let a reader of the log act for somebody. */
function maskedQuery(query: URLSearchParams): string {
  const masked = new URLSearchParams(query);
  for (const name of ['state', 'client_secret', ...SECRET_FIELDS]) if (masked.has(name)) masked.set(name, '***');
  return masked.toString();
}
