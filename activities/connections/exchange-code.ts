import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorizationRefusal } from '../../contracts/connections.ts';
import type {
  AuthorizationExchangeStore,
  BegunExchange,
  ExchangeRef,
} from '../../db/connections/authorization-exchange-store.ts';
import { isDatabaseAway } from '../../db/core/outage.ts';
import type { CodeExchange, Grant, OAuthAdapter, OAuthCalls } from '../../providers/oauth.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { Opener, PreparedSeal } from '../../vault/vault.ts';
import { VaultError } from '../../vault/vault-error.ts';
import { exchangedText, openExchanged } from './sealed-grant.ts';
import type { ExchangedGrant } from './sealed-grant.ts';

export interface ExchangingDeps {
  readonly exchanges: Pick<AuthorizationExchangeStore, 'begin' | 'noteFailure' | 'forget' | 'keep'>;
  readonly vault: Opener;
}

export interface CodeInHand {
  readonly exchange: ExchangeRef;
  readonly adapter: OAuthAdapter;
  readonly request: CodeExchange;
  /** Seals what the code brings until it is stored with its connection. */
  readonly seal: PreparedSeal;
  readonly calls: OAuthCalls;
  /** How far the database's clock is ahead of this process's. */
  readonly databaseAheadMs: number;
  /** Ends the wait for the answer to a code that was sent before. */
  readonly signal: AbortSignal;
}

/** Timeout of the call that exchanges a code. */
export const EXCHANGE_TIMEOUT_MS = 20_000;
/** Whoever sent a code has its answer and has stored it by then, or never will. */
const ANSWERED_WITHIN_MS = EXCHANGE_TIMEOUT_MS + 2_000;
/** What a code has brought exists only here, so the database gets this long to come back. */
const KEEPING_LIMIT_MS = 80_000;
const PAUSE_MS = 500;

/**
 * Exchanges a code once, however often it is called: a code works only once, and many providers revoke what it brought
 * when it is sent again (RFC 6749, section 4.1.2). The grant is stored, sealed, before anything else that may fail.
 * Throws what a retry may resolve.
 */
export async function exchangeOnce(
  deps: ExchangingDeps,
  code: CodeInHand,
): Promise<ExchangedGrant | AuthorizationRefusal> {
  const begun = await beginOrAwait(deps, code);
  switch (begun.status) {
    case 'withdrawn':
      return 'cancelled';
    case 'unanswered':
      return 'answer-lost';
    case 'granted':
      return openExchanged(deps.vault, code.exchange, begun.sealedGrant);
    case 'begun':
      return send(deps, code, begun.answeredBefore);
  }
}

/**
 * An activity that Temporal has not heard from for a while is tried again although the one before may still be at work,
 * as after a pause of its process: it then has the code, and may be about to store what that brings.
 */
async function beginOrAwait({ exchanges }: ExchangingDeps, { exchange, signal }: CodeInHand): Promise<BegunExchange> {
  for (;;) {
    const begun = await exchanges.begin(exchange);
    if (begun.status !== 'unanswered' || begun.sentMsAgo >= ANSWERED_WITHIN_MS) return begun;
    await delay(PAUSE_MS, undefined, { signal });
  }
}

async function send(
  { exchanges }: ExchangingDeps,
  code: CodeInHand,
  answeredBefore: boolean,
): Promise<ExchangedGrant | AuthorizationRefusal> {
  const { exchange, adapter, request, calls, seal } = code;
  const flight = { sent: false };
  const noted: OAuthCalls['call'] = (work) =>
    calls.call(() => {
      flight.sent = true;
      return work();
    });
  try {
    const grant = toDatabaseClock(await adapter.exchange(request, { ...calls, call: noted }), code.databaseAheadMs);
    const sealedGrant = await seal(exchangedText(grant));
    await untilItWorks(() => exchanges.keep(exchange, sealedGrant), AbortSignal.timeout(KEEPING_LIMIT_MS));
    return grant;
  } catch (error) {
    if (!flight.sent || isUnreachable(error)) {
      await untilItWorks(() => exchanges.forget(exchange), AbortSignal.timeout(KEEPING_LIMIT_MS));
      throw error;
    }
    // No answer, or one whose meaning is unknown: the code may be used up.
    if (!(error instanceof ProviderError)) throw error;
    if (error.details.httpStatus === undefined) return 'answer-lost';
    return answered(exchanges, { exchange, error, answeredBefore });
  }
}

/** The provider answered without giving a grant. */
async function answered(
  exchanges: ExchangingDeps['exchanges'],
  {
    exchange,
    error,
    answeredBefore,
  }: { readonly exchange: ExchangeRef; readonly error: ProviderError; readonly answeredBefore: boolean },
): Promise<AuthorizationRefusal> {
  const { kind, code } = error.details;
  if (code === 'invalid_client') return 'app-refused';
  switch (kind) {
    case 'needs-reauth':
      // An earlier error may have used up the code, so this refusal may not be the provider's own decision.
      return answeredBefore ? 'answer-lost' : 'code-refused';
    case 'unexpected-response':
      return 'provider-unexpected';
    case 'rejected':
    case 'conflict':
      return 'provider-refused';
    default:
      await untilItWorks(() => exchanges.noteFailure(exchange), AbortSignal.timeout(KEEPING_LIMIT_MS));
      throw error;
  }
}

const isUnreachable = (error: unknown): boolean =>
  error instanceof ProviderError && error.details.code === 'unreachable';

/** Converts the times to the database's clock, because another process may read them next. */
function toDatabaseClock(grant: Grant, aheadMs: number): ExchangedGrant {
  const shift = (at: Date | null) => at && new Date(at.getTime() + aheadMs);
  return {
    ...grant,
    accessExpiresAt: shift(grant.accessExpiresAt),
    refreshExpiresAt: shift(grant.refreshExpiresAt),
    hardExpiresAt: shift(grant.hardExpiresAt),
    obtainedAt: new Date(Date.now() + aheadMs),
  };
}

/**
 * Repeats work that an outage of the provider, the key service or the database interrupted, until the signal aborts.
 */
export async function untilItWorks<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error) || signal.aborted) throw error;
      await delay(PAUSE_MS);
    }
  }
}

const PASSING: ReadonlySet<string> = new Set(['unavailable', 'rate-limited', 'unexpected-response']);
const mayPass = (error: unknown): boolean =>
  isDatabaseAway(error) ||
  (error instanceof VaultError && error.kind === 'key-service-unavailable') ||
  (error instanceof ProviderError && PASSING.has(error.details.kind) && error.details.code !== 'invalid_client');
