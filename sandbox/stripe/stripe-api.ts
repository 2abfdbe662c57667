import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { cutBy, send } from '../core/answer.ts';
import type { Answer } from '../core/answer.ts';
import type { CallLog } from '../core/call-log.ts';
import { pageFaultOf } from '../core/faults.ts';
import type { Faults } from '../core/faults.ts';
import { authenticate, authorise, revoked } from './http/authenticate.ts';
import type { AccountState } from './state/account-state.ts';
import type { Outcome } from './http/endpoint.ts';
import { begin, commonHeaders, paramsOf, receive, refusal } from './oauth/exchange.ts';
import type { Exchange } from './oauth/exchange.ts';
import { Failure, ofStatus, unrecognisedUrl } from './http/failure.ts';
import type { Form } from './http/form.ts';
import { claim, hashOfParams, release } from './http/idempotency.ts';
import type { KeyedRequest, KeyRecord } from './http/idempotency.ts';
import type { GrantedKeys } from './oauth/granted-keys.ts';
import { injected } from './control/injected.ts';
import type { RateLimiter } from './http/limits.ts';
import { findRoute } from './http/routes.ts';
import type { Route } from './http/routes.ts';
import type { Change, StripeState } from './state/state.ts';

export interface StripeApiParts {
  readonly state: StripeState;
  readonly faults: Faults;
  readonly limiter: RateLimiter;
  readonly calls: CallLog;
  readonly grantedKeys: GrantedKeys;
  /** Accounts whose keys a fault has revoked, with the error code to answer. */
  readonly revokedKeys: Map<string, string | undefined>;
  /** Receives the sandbox's own errors. */
  readonly onError: (error: unknown) => void;
}

interface Work {
  readonly account: AccountState;
  readonly route: Route;
  readonly id: string;
  readonly params: Form;
  readonly keyed: KeyedRequest | null;
}

/** Stripe's API over HTTP: checks the key, limits, faults and idempotency, then runs the endpoint. */
export function createStripeApi(parts: StripeApiParts): RequestListener {
  const api = new StripeApi(parts);
  return (req, res) => {
    api.serve(req, res).catch(parts.onError);
  };
}

class StripeApi {
  readonly #parts: StripeApiParts;

  constructor(parts: StripeApiParts) {
    this.#parts = parts;
  }

  async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const exchange = begin(req);
    const answer = await this.#answer(exchange);
    this.#parts.calls.add({
      at: exchange.at,
      answeredAt: Date.now(),
      method: exchange.method,
      path: exchange.path,
      query: exchange.query,
      status: answer.cut === 'before' ? 0 : answer.status,
      idempotencyKey: exchange.idempotencyKey,
      written: answer.written ?? false,
      requestId: exchange.requestId,
      account: exchange.account?.profile.id ?? null,
      fault: exchange.fault?.kind ?? null,
    });
    const date = new Date(this.#parts.state.clock.nowMs()).toUTCString();
    send(req, res, { ...answer, headers: { ...commonHeaders(exchange), date, ...answer.headers } });
  }

  async #answer(exchange: Exchange): Promise<Answer> {
    try {
      await receive(exchange);
      const admitted = this.#admit(exchange);
      return 'route' in admitted ? await this.#run(exchange, admitted) : admitted;
    } catch (error) {
      if (error instanceof Failure) return refusal(error, exchange.requestId);
      if (exchange.req.errored) return { status: 0, body: '', cut: 'before' };
      this.#parts.onError(error);
      return refusal(ofStatus(500), exchange.requestId);
    }
  }

  /** All checks before the endpoint runs. Throws a `Failure` to refuse. */
  #admit(exchange: Exchange): Work | Answer {
    const { state, limiter, revokedKeys } = this.#parts;
    const { method, path, req } = exchange;
    const credential = authenticate(this.#parts, req.headers);
    const { account } = credential;
    const accountId = account.profile.id;
    exchange.account = account;
    if (revokedKeys.has(accountId)) throw revoked(req.headers, revokedKeys.get(accountId));

    const found = findRoute(method, path);
    if (!found) throw unrecognisedUrl(method, path);
    authorise(credential, found.route, req.headers);
    limiter.admit(state.limits, accountId, `${method} ${found.route.path.source}`);
    const struck = this.#strike(exchange, accountId, found.route);
    if (struck) return struck;

    const params = paramsOf(exchange);
    const key = method === 'POST' ? exchange.idempotencyKey : null;
    const keyed = key === null ? null : { key, path, paramsHash: hashOfParams(params) };
    return { account, route: found.route, id: decodeId(found.id), params, keyed };
  }

  /**
   * Applies a fault: returns an answer to end the request, or null to continue. Throws a 401 `Failure` when the fault
   * revokes the key.
   */
  #strike(exchange: Exchange, accountId: string, route: Route): Answer | null {
    const { method, path, query, req } = exchange;
    const fault = this.#parts.faults.strike({ method, path, account: accountId, page: pageOf(route, query) });
    exchange.fault = fault;
    if (fault?.kind === 'reset') return { status: 0, body: '', cut: 'before' };
    if (fault?.kind === 'html' || (fault?.kind === 'status' && !fault.stored)) return injected(fault, exchange);
    if (fault?.kind !== 'revoke') return null;
    this.#parts.revokedKeys.set(accountId, fault.code);
    throw revoked(req.headers, fault.code);
  }

  async #run(exchange: Exchange, work: Work): Promise<Answer> {
    const { state } = this.#parts;
    const { account, keyed } = work;
    const record = keyed && claim(account, keyed, state.clock.nowMs());
    try {
      const delayMs = state.limits.latencyMs + (exchange.fault?.kind === 'slow' ? exchange.fault.delayMs : 0);
      if (delayMs > 0) await sleep(delayMs);
      return cutBy(exchange.fault, record ? replayed(record) : this.#execute(exchange, work));
    } finally {
      if (keyed && !record) release(account, keyed);
    }
  }

  #execute(exchange: Exchange, work: Work): Answer {
    const { fault, requestId } = exchange;
    if (fault?.kind === 'status') return this.#keep(exchange, work, { answer: injected(fault, exchange), changes: [] });
    let outcome: Outcome;
    try {
      outcome = this.#call(exchange, work);
    } catch (error) {
      // Invalid parameters stop a request before it executes, so its key stays free. A missing object is discovered
      // while executing, so its answer is kept.
      if (!(error instanceof Failure) || error.status !== 404) throw error;
      return this.#keep(exchange, work, { answer: refusal(error, requestId), changes: [] });
    }
    const { body, changes, status = 200 } = outcome;
    const failsAfterwards = fault?.kind === 'commit-then-fail' && fault.status !== undefined;
    return this.#keep(exchange, work, {
      answer: failsAfterwards ? injected(fault, exchange) : { status, body },
      changes,
    });
  }

  #call({ requestId, idempotencyKey, method, fault }: Exchange, { account, route, id, params }: Work): Outcome {
    const key = method === 'POST' ? idempotencyKey : null;
    return route.endpoint({
      state: this.#parts.state,
      account,
      params,
      id,
      requestId,
      idempotencyKey: key,
      pageFault: pageFaultOf(fault),
    });
  }

  /** Commits the changes together with the answer that the idempotency key will repeat. */
  #keep(exchange: Exchange, { account, keyed }: Work, done: { answer: Answer; changes: readonly Change[] }): Answer {
    const { state } = this.#parts;
    const { answer, changes } = done;
    const { status, body } = answer;
    const record = keyed && {
      atMs: state.clock.nowMs(),
      path: keyed.path,
      paramsHash: keyed.paramsHash,
      requestId: exchange.requestId,
      status,
      body,
    };
    state.commit(record ? [...changes, { op: 'key', account: account.profile.id, key: keyed.key, record }] : changes);
    return {
      ...answer,
      written: changes.length > 0,
      headers: { ...answer.headers, ...(record && shouldRetry(status)) },
    };
  }
}

function pageOf({ pages }: Route, query: string): 'first' | 'later' | null {
  if (pages !== true) return null;
  return /(?:^|&)(?:starting_after|ending_before)=/.test(query) ? 'later' : 'first';
}

function replayed(record: KeyRecord): Answer {
  const headers = {
    'idempotent-replayed': 'true',
    'original-request': record.requestId,
    ...shouldRetry(record.status),
  };
  return { status: record.status, body: record.body, headers };
}

/** Repeating the request would only replay a stored failure. Stripe says so in this header, and its SDK obeys. */
function shouldRetry(status: number): Record<string, string> {
  return status >= 500 ? { 'stripe-should-retry': 'false' } : {};
}

function decodeId(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
