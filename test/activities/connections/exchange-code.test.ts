import { describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { EXCHANGE_TIMEOUT_MS, exchangeOnce } from '../../../activities/connections/exchange-code.ts';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import type { SealedSecret } from '../../../contracts/vault.ts';
import type {
  AuthorizationExchangeStore,
  BegunExchange,
} from '../../../db/connections/authorization-exchange-store.ts';
import type { Grant, OAuthAdapter } from '../../../providers/oauth.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type { ProviderErrorDetails } from '../../../providers/provider-error.ts';
import { Secret } from '../../../vault/secret.ts';
import { until } from '../../support/eventually.ts';

const EXCHANGE = { venueId: uuidv7() as VenueId, connectionId: uuidv7() as ConnectionId, attemptId: 'authorize/test' };
const GRANT: Grant = {
  accessToken: new Secret('at'),
  refreshToken: null,
  accessExpiresAt: new Date('2026-11-28T07:00:00Z'),
  refreshExpiresAt: null,
  hardExpiresAt: null,
  scopes: ['all'],
  context: { realmId: '1' },
};
const away = () => Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' });
const refusedBy = (details: Omit<ProviderErrorDetails, 'provider'>) =>
  new ProviderError({ provider: 'square', ...details });

/**
 * The store in memory: its rows survive failed attempts. `failures` are thrown by the next calls of a method. A code was
 * sent long ago unless `sentMsAgo` says otherwise.
 */
function aStore(
  failures: Partial<Record<'begin' | 'keep' | 'noteFailure' | 'forget', Error[]>> = {},
  sentMsAgo = () => EXCHANGE_TIMEOUT_MS * 2,
) {
  let row: { state: 'sent' | 'failed' | 'granted'; sealedGrant?: SealedSecret } | null = null;
  const failing = (method: keyof typeof failures) => {
    const error = failures[method]?.shift();
    if (error) throw error;
  };
  const begin = (): BegunExchange => {
    failing('begin');
    if (row?.sealedGrant) return { status: 'granted', sealedGrant: row.sealedGrant };
    if (row?.state === 'sent') return { status: 'unanswered', sentMsAgo: sentMsAgo() };
    const answeredBefore = row?.state === 'failed';
    row = { state: 'sent' };
    return { status: 'begun', answeredBefore };
  };
  const store: Pick<AuthorizationExchangeStore, 'begin' | 'noteFailure' | 'forget' | 'keep' | 'findGranted'> = {
    begin: () => Promise.resolve().then(begin),
    noteFailure: () =>
      Promise.resolve().then(() => {
        failing('noteFailure');
        row = { state: 'failed' };
      }),
    forget: () =>
      Promise.resolve().then(() => {
        failing('forget');
        row = null;
      }),
    findGranted: () => Promise.resolve(row?.sealedGrant ?? null),
    keep: (_exchange, sealedGrant) =>
      Promise.resolve().then(() => {
        failing('keep');
        row = { state: 'granted', sealedGrant };
      }),
  };
  return { store, state: () => row?.state ?? null };
}

/** A provider that gives the configured answers, one per call, and the outcome of each attempt at the exchange. */
function aCode(
  answers: readonly (Grant | Error | 'never sent' | Promise<Grant>)[],
  failures: Parameters<typeof aStore>[0] = {},
  sentMsAgo?: Parameters<typeof aStore>[1],
) {
  const { store, state } = aStore(failures, sentMsAgo);
  const left = [...answers];
  const seen: string[] = [];
  const adapter = {
    async exchange(_request, { call }) {
      const answer = left.shift();
      if (answer === 'never sent') throw refusedBy({ kind: 'rate-limited', retryAfterMs: 1 });
      return call(() => {
        seen.push(state() ?? 'nothing noted');
        if (answer instanceof Error) throw answer;
        if (!answer) throw new Error('the provider is asked too often');
        return Promise.resolve(answer);
      });
    },
  } as Pick<OAuthAdapter, 'exchange'> as OAuthAdapter;
  const vault = { open: (sealed: SealedSecret) => Promise.resolve(new Secret(Buffer.from(sealed).toString('utf8'))) };
  const seal = (text: Secret) => Promise.resolve(new Uint8Array(Buffer.from(text.expose())) as SealedSecret);
  const request = {
    code: new Secret('c'),
    codeVerifier: new Secret('v'),
    redirectUri: 'https://interlock.test',
    parameters: {},
  };
  const calls = {
    signal: new AbortController().signal,
    call: <T>(work: () => Promise<T>) => Promise.resolve().then(work),
  };
  const outcome = async (signal = new AbortController().signal) => {
    const done = await exchangeOnce(
      { exchanges: store, vault },
      { exchange: EXCHANGE, adapter, request, seal, calls, databaseAheadMs: 0, signal },
    ).catch((error: unknown) => error as Error);
    return typeof done === 'string' ? done : done instanceof Error ? 'thrown' : 'granted';
  };
  return { outcome, state, seen };
}

/** An answer of the provider, and what gives it. */
function aLateAnswer(): readonly [Promise<Grant>, (grant: Grant) => void] {
  let give: (grant: Grant) => void = () => undefined;
  return [
    new Promise((resolve) => (give = resolve)),
    (grant) => {
      give(grant);
    },
  ];
}

describe('the exchange of a code', () => {
  it('is recorded before the code is sent', async () => {
    const { outcome, seen } = aCode([GRANT]);
    expect(await outcome()).toBe('granted');
    expect(seen).toEqual(['sent']);
  });

  it('is not repeated once it has obtained a grant, which later attempts return', async () => {
    const { outcome, seen } = aCode([GRANT]);
    expect([await outcome(), await outcome(), await outcome()]).toEqual(['granted', 'granted', 'granted']);
    expect(seen).toHaveLength(1);
  });

  it('keeps the grant that it obtained while the database is down', async () => {
    const { outcome, state, seen } = aCode([GRANT], { keep: [away(), away()] });
    expect([await outcome(), state(), seen.length]).toEqual(['granted', 'granted', 1]);
  });

  it('does not begin while it cannot be recorded', async () => {
    const { outcome, seen } = aCode([GRANT], { begin: [away()] });
    expect([await outcome(), seen.length]).toEqual(['thrown', 0]);
    expect([await outcome(), seen.length]).toEqual(['granted', 1]);
  });

  it('is not repeated when the grant that it obtained cannot be stored', async () => {
    const { outcome, seen } = aCode([GRANT, GRANT], { keep: [new Error('refused for ever')] });
    expect([await outcome(), await outcome(), seen.length]).toEqual(['thrown', 'answer-lost', 1]);
  });

  it.each([
    ['the connection broke', refusedBy({ kind: 'unavailable', code: 'connection-failed' })],
    ['nobody answered in time', refusedBy({ kind: 'unavailable', code: 'timeout' })],
  ])('is not repeated when %s', async (_what, lost) => {
    const { outcome, seen } = aCode([lost, GRANT]);
    expect([await outcome(), await outcome(), seen.length]).toEqual(['answer-lost', 'answer-lost', 1]);
  });

  it.each([
    ['our own rate limit prevented it', 'never sent' as const, 1],
    ['no connection could be made', refusedBy({ kind: 'unavailable', code: 'unreachable' }), 2],
    ['the provider answered 503', refusedBy({ kind: 'unavailable', httpStatus: 503 }), 2],
    ['the provider answered 429', refusedBy({ kind: 'rate-limited', httpStatus: 429 }), 2],
  ])('is retried when %s', async (_what, first, calls) => {
    const { outcome, seen } = aCode([first, GRANT], { forget: [away()], noteFailure: [away()] });
    expect([await outcome(), await outcome(), seen.length]).toEqual(['thrown', 'granted', calls]);
  });

  it('is not reported as the provider’s refusal when an error may have hidden that the code was spent', async () => {
    const { outcome } = aCode([
      refusedBy({ kind: 'unavailable', httpStatus: 500 }),
      refusedBy({ kind: 'needs-reauth', httpStatus: 400, code: 'invalid_grant' }),
    ]);
    expect([await outcome(), await outcome()]).toEqual(['thrown', 'answer-lost']);
  });

  it('is waited for by a second attempt that begins while the first is still at work', async () => {
    const [answer, give] = aLateAnswer();
    const { outcome, state, seen } = aCode([answer], {}, () => 9_000);
    const first = outcome();
    await until(() => state() === 'sent', { limitMs: 5_000, what: 'the code is sent' });
    const second = outcome();
    give(GRANT);
    expect([await first, await second, seen.length]).toEqual(['granted', 'granted', 1]);
  });

  it('is given up by a second attempt once nobody can have an answer any more', async () => {
    let sentMsAgo = 9_000;
    const { outcome, state, seen } = aCode([new Promise<Grant>(() => undefined)], {}, () => (sentMsAgo += 10_000));
    void outcome();
    await until(() => state() === 'sent', { limitMs: 5_000, what: 'the code is sent' });
    expect([await outcome(), seen.length]).toEqual(['answer-lost', 1]);
    expect(sentMsAgo).toBe(29_000);
  });

  it('is left to another attempt by one that waits for it when its worker stops', async () => {
    const { outcome, state } = aCode([new Promise<Grant>(() => undefined)], {}, () => 9_000);
    void outcome();
    await until(() => state() === 'sent', { limitMs: 5_000, what: 'the code is sent' });
    expect([await outcome(AbortSignal.timeout(50)), state()]).toEqual(['thrown', 'sent']);
  });

  it.each([
    [{ kind: 'needs-reauth', httpStatus: 400, code: 'invalid_grant' }, 'code-refused'],
    [{ kind: 'unavailable', httpStatus: 401, code: 'invalid_client' }, 'app-refused'],
    [{ kind: 'rejected', httpStatus: 400, code: 'invalid_request' }, 'provider-refused'],
    [{ kind: 'unexpected-response', httpStatus: 404 }, 'provider-unexpected'],
    [{ kind: 'unexpected-response', httpStatus: 200 }, 'provider-unexpected'],
  ] as const)('reports the true cause of %j', async (details, told) => {
    expect(await aCode([refusedBy(details)]).outcome()).toBe(told);
  });
});
