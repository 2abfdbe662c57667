import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRefreshingActivities } from '../../../activities/connections/refresh-grant.ts';
import type { RefreshInput, RefreshResult } from '../../../contracts/connections.ts';
import { createOAuthTokenStore } from '../../../db/connections/oauth-token-store.ts';
import type { OAuthTokenStore } from '../../../db/connections/oauth-token-store.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import type { OAuthAdapter } from '../../../providers/oauth.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { createTemporalLogger } from '../../../worker/temporal-logger.ts';
import { createGrantWorld } from '../../support/worlds/grant-world.ts';
import type { GrantWorld, TestGrant } from '../../support/worlds/grant-world.ts';

let world: GrantWorld;
/** One connection, as if all others of a worker were taken. */
let onePool: Database;
beforeAll(async () => {
  world = await createGrantWorld();
  onePool = openDatabase({ url: world.database.url, maxConnections: 1, applicationName: 'pool-of-one' });
}, 120_000);
afterAll(async () => {
  await onePool.$client.end({ timeout: 5 });
  await world.close();
});
afterEach(() => Promise.all(Object.values(world.controls).map((control) => control.clearFaults())));

interface RefreshOptions {
  readonly tokens?: OAuthTokenStore;
  /** In place of the provider's answer. */
  readonly answer?: OAuthAdapter['refresh'];
}

const storeOn = (db: Database): OAuthTokenStore => createOAuthTokenStore({ db, audit: createAuditStore(db) });

/** Runs the activity as one worker process would. */
async function refresh(grant: TestGrant, { tokens = world.tokens, answer }: RefreshOptions = {}) {
  const { providers, vault, sealer, client } = world;
  const log = createLogger({ name: 'test', level: 'fatal' });
  const activities = createRefreshingActivities({
    providers: answer
      ? {
          ...providers,
          oauth(provider, flow) {
            const adapter = providers.oauth(provider, flow);
            return adapter && { ...adapter, refresh: answer };
          },
        }
      : providers,
    tokens,
    vault,
    sealer,
    log,
  });
  const { venueId, connectionId, provider } = grant;
  const { generation } = await world.row(grant);
  const stage = new MockActivityEnvironment({}, { client, logger: createTemporalLogger(log) });
  return stage.run<[RefreshInput], RefreshResult, (input: RefreshInput) => Promise<RefreshResult>>(
    activities.refreshGrant,
    {
      venueId,
      connectionId,
      provider,
      generation,
    },
  );
}

/** An answer of the provider that comes when the test lets it. */
function aGate() {
  const { promise: opened, resolve: open } = Promise.withResolvers<undefined>();
  const { promise: reached, resolve: reach } = Promise.withResolvers<undefined>();
  return {
    /** Resolves when the provider has the request. */
    reached,
    open: () => {
      open(undefined);
    },
    /** To be awaited before the answer. */
    async pass() {
      reach(undefined);
      await opened;
    },
  };
}

/** What the provider itself answers, held back by a gate: the token is rotated before. */
function realAnswerBehind(gate: ReturnType<typeof aGate>, grant: TestGrant, flow: OAuthAdapter['flow']) {
  const adapter = world.providers.oauth(grant.provider, flow)!;
  return (async (...args) => {
    const fresh = await adapter.refresh!(...args);
    await gate.pass();
    return fresh;
  }) satisfies NonNullable<OAuthAdapter['refresh']>;
}

const endLease = ({ connectionId }: TestGrant) =>
  world.admin`update oauth_tokens set refresh_until = now() - interval '1 second' where connection_id = ${connectionId}`;

describe('a provider that hangs while it refreshes a token', () => {
  it('holds no database connection: a pool of one serves others meanwhile', async () => {
    const [hanging, other] = [await world.aGrant('quickbooks', 'code'), await world.aGrant('square', 'pkce')];
    const tokens = storeOn(onePool);
    const gate = aGate();
    let ended = false;
    const refreshing = refresh(hanging, { tokens, answer: realAnswerBehind(gate, hanging, 'code') }).finally(() => {
      ended = true;
    });
    await gate.reached;
    // On a pool that is taken, these two would wait for the provider, which answers only after them.
    expect(await tokens.find(other)).toMatchObject({ generation: 1 });
    expect((await refresh(other, { tokens })).grant).toMatchObject({ generation: 2, state: 'usable' });
    expect(ended).toBe(false);
    gate.open();
    expect((await refreshing).grant).toMatchObject({ generation: 2, state: 'usable' });
    expect(await world.works(hanging)).toBe(true);
  }, 30_000);
});

describe('two workers that refresh one token', () => {
  it('make one call: the second waits for the first, and has its answer', async () => {
    const grant = await world.aGrant('square', 'pkce');
    const gate = aGate();
    const first = refresh(grant, { answer: realAnswerBehind(gate, grant, 'pkce') });
    await gate.reached;
    const second = refresh(grant);
    // It has been turned away at least once before the first ends.
    const waiting = refresh(grant, {
      tokens: {
        ...world.tokens,
        async takeRefreshLease(...args) {
          const attempt = await world.tokens.takeRefreshLease(...args);
          if (attempt.outcome === 'held') gate.open();
          return attempt;
        },
      },
    });
    const answers = await Promise.all([first, second, waiting]);
    expect(answers.map((answer) => answer.grant.generation)).toEqual([2, 2, 2]);
    expect(await world.refreshCalls(grant)).toHaveLength(1);
    expect(await world.row(grant)).toMatchObject({ state: 'active', sentAt: null });
  }, 30_000);

  it('are not held up by each other for long when the first is refused', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    const gate = aGate();
    const first = refresh(grant, {
      async answer() {
        await gate.pass();
        throw new ProviderError({ provider: 'quickbooks', kind: 'rejected', httpStatus: 400, code: 'invalid_request' });
      },
    }).catch((error: unknown) => error);
    await gate.reached;
    const second = refresh(grant);
    gate.open();
    expect(await first).toMatchObject({ type: expect.any(String) as string });
    expect((await second).grant).toMatchObject({ generation: 2 });
  }, 30_000);
});

describe('a worker that dies while it refreshes', () => {
  it('is waited for until its lease ends, and no longer', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    const { authorizedBy } = (await world.tokens.find(grant))!;
    const dead = await world.tokens.takeRefreshLease(
      { ...grant, generation: 1, authorizedBy },
      { holder: 'dead', lengthMs: 1_500 },
    );
    expect(dead.outcome).toBe('taken');
    const [{ endsAtMs }] = (await world.admin`
      select extract(epoch from refresh_until)::float8 * 1000 as "endsAtMs" from oauth_tokens where connection_id = ${grant.connectionId}`) as unknown as [
      { endsAtMs: number },
    ];
    let takenAtMs = 0;
    const adapter = world.providers.oauth('quickbooks', 'code')!;
    expect(
      (
        await refresh(grant, {
          answer(...args) {
            takenAtMs = Date.now();
            return adapter.refresh!(...args);
          },
        })
      ).grant,
    ).toMatchObject({ generation: 2 });
    expect(takenAtMs).toBeGreaterThanOrEqual(Math.floor(endsAtMs));
    expect(await world.works(grant)).toBe(true);
  }, 30_000);

  it('after the provider has rotated a token that works once: the lost answer is told', async () => {
    const grant = await world.aGrant('square', 'pkce');
    const gate = aGate();
    const died = refresh(grant, {
      answer: realAnswerBehind(gate, grant, 'pkce'),
      tokens: {
        ...world.tokens,
        storeRefreshed: () => new Promise(() => undefined),
      },
    });
    died.catch(() => undefined);
    await gate.reached;
    await endLease(grant);
    expect(await refresh(grant)).toMatchObject({ status: 'needs-reauth' });
    expect(await world.auditOf(grant)).toMatchObject([
      { outcome: 'refused', details: { why: 'refresh-response-lost', generation: 1 } },
    ]);
  }, 30_000);
});

describe('a worker that is slower than its lease', () => {
  it('does not overwrite what the next one has stored', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    const gate = aGate();
    const slow = refresh(grant, { answer: realAnswerBehind(gate, grant, 'code') });
    await gate.reached;
    await endLease(grant);
    expect((await refresh(grant)).grant).toMatchObject({ generation: 2 });
    const stored = (await world.tokens.find(grant))!.sealedTokens;
    gate.open();
    expect((await slow).grant).toMatchObject({ generation: 2, state: 'usable' });
    expect(Buffer.from((await world.tokens.find(grant))!.sealedTokens).equals(stored)).toBe(true);
    expect(await world.works(grant)).toBe(true);
  }, 30_000);

  it('waits while the next one is at work, and brings its token when that one got nothing', async () => {
    const grant = await world.aGrant('square', 'pkce');
    const [slowGate, nextGate] = [aGate(), aGate()];
    const slow = refresh(grant, {
      answer: realAnswerBehind(slowGate, grant, 'pkce'),
      tokens: {
        ...world.tokens,
        async storeRefreshed(...args) {
          const storing = await world.tokens.storeRefreshed(...args);
          // The next one has its refusal, which it acts on only now.
          if (storing.outcome === 'held') nextGate.open();
          return storing;
        },
      },
    });
    await slowGate.reached;
    await endLease(grant);
    const next = refresh(grant, {
      async answer(...args) {
        await nextGate.pass();
        return world.providers.oauth('square', 'pkce')!.refresh!(...args);
      },
    });
    await nextGate.reached;
    slowGate.open();
    // The token was spent: without the first one's answer, the grant would be lost.
    expect(await next).toMatchObject({ status: 'needs-reauth' });
    expect((await slow).grant).toMatchObject({ generation: 2, state: 'usable' });
    expect(await world.row(grant)).toMatchObject({ state: 'active', cause: null, generation: 2, sentAt: null });
    expect(await world.works(grant)).toBe(true);
  }, 30_000);

  it('does not give a grant up for its own refusal: the next one decides', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    const [slowGate, nextGate] = [aGate(), aGate()];
    const slow = refresh(grant, {
      async answer() {
        await slowGate.pass();
        throw new ProviderError({
          provider: 'quickbooks',
          kind: 'needs-reauth',
          httpStatus: 400,
          code: 'invalid_grant',
        });
      },
    });
    await slowGate.reached;
    await endLease(grant);
    const next = refresh(grant, { answer: realAnswerBehind(nextGate, grant, 'code') });
    await nextGate.reached;
    slowGate.open();
    nextGate.open();
    expect(
      (await Promise.all([slow, next])).map(({ grant: { state, generation } }) => ({ state, generation })),
    ).toEqual([
      { state: 'usable', generation: 2 },
      { state: 'usable', generation: 2 },
    ]);
    expect(await world.auditOf(grant)).toMatchObject([{ outcome: 'ok', details: { generation: 2 } }]);
  }, 30_000);
});

describe('a database that goes away between the provider’s answer and the commit', () => {
  it('costs no token: the answer is stored when the database is back', async () => {
    const grant = await world.aGrant('square', 'pkce');
    const adapter = world.providers.oauth('square', 'pkce')!;
    let failures = 0;
    const tokens = storeOn(onePool);
    const answer = await refresh(grant, {
      tokens: {
        ...tokens,
        async storeRefreshed(...args) {
          if (failures < 2) {
            failures += 1;
            throw Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' });
          }
          return tokens.storeRefreshed(...args);
        },
      },
      async answer(...args) {
        const fresh = await adapter.refresh!(...args);
        await world.admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pool-of-one'`;
        return fresh;
      },
    });
    expect(failures).toBe(2);
    expect(answer.grant).toMatchObject({ generation: 2, state: 'usable' });
    expect(await world.row(grant)).toMatchObject({ state: 'active', generation: 2, sentAt: null });
    expect(await world.works(grant)).toBe(true);
  }, 30_000);
});
