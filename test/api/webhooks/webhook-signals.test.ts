import { Client, Connection } from '@temporalio/client';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../../api/app.ts';
import { createErrorAnswer } from '../../../api/errors/error-handler.ts';
import { requestContext } from '../../../api/http/request-context.ts';
import { startServer } from '../../../api/http/server.ts';
import { ownerStart } from '../../../activities/connections/connection-owner.ts';
import { createInboxGateway } from '../../../api/temporal/inbox-gateway.ts';
import { createWebhookFront } from '../../../api/webhooks/webhooks.ts';
import { ACCESS_REVOKED_SIGNAL, KEEP_CONNECTION_FRESH } from '../../../contracts/connections.ts';
import { createBudgetStore } from '../../../db/budgets/budget-store.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import { createWebhookEndpointStore } from '../../../db/webhooks/webhook-endpoint-store.ts';
import { createProviders, PROVIDERS } from '../../../providers/registry.ts';
import { until } from '../../support/eventually.ts';
import { drainInbox } from '../../support/inbox.ts';
import { createGrantWorld } from '../../support/worlds/grant-world.ts';
import type { GrantWorld, TestGrant } from '../../support/worlds/grant-world.ts';
import { PUBLIC_URL } from '../api-world.ts';
import { providers, revocation, signed } from './webhook-deliveries.ts';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Real Temporal, a real owner of the grant, and the webhook route of one API process. */
let world: GrantWorld;
let temporal: { readonly client: Client; readonly connection: Connection };
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  world = await createGrantWorld();
  const { db } = world.database;
  const connection = await Connection.connect({ address: world.temporal.address });
  temporal = { connection, client: new Client({ connection, namespace: world.temporal.namespace }) };
  const webhooks = createWebhookFront({
    publicUrl: PUBLIC_URL,
    providers: createProviders(PROVIDERS, providers(), { budget: createBudgetStore(db) }),
    inbox: createInboxStore(db),
    inboxGateway: createInboxGateway(temporal),
    webhookEndpoints: createWebhookEndpointStore(db),
    webhookSecrets: {
      openSigningSecrets: () => Promise.reject(new Error('no address of a connection’s own is used')),
    },
    clock: () => new Date(),
    log,
    begin: requestContext,
    answerError: createErrorAnswer({ log, publicUrl: PUBLIC_URL }),
  });
  server = await startServer(
    { express: express(), webhooks, endpoints: [], endStreams: () => undefined } satisfies App,
    {
      host: '127.0.0.1',
      port: 0,
      publicUrl: PUBLIC_URL,
      log,
    },
  );
}, 120_000);
afterAll(async () => {
  await server.stop();
  await temporal.connection.close();
  await world.close();
});

const send = async (body: string): Promise<number> =>
  (
    await fetch(`http://127.0.0.1:${server.port}/webhooks/square`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...signed('square', body) },
      body,
    })
  ).status;
/** As a provider does: what is refused for now is sent again. */
const deliver = async (body: string): Promise<void> => {
  await until(async () => (await send(body)) === 200, { limitMs: 60_000, what: 'the event is taken', everyMs: 20 });
};
const deliverAll = async (bodies: readonly string[], atOnce: number): Promise<void> => {
  const left = bodies.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const body of left) await deliver(body);
    }),
  );
};

/** Handles what has arrived, with real signals and without a worker, which would act on them. */
const drain = () =>
  drainInbox(world.database, {
    providers: world.providers,
    log,
    signalRevoked: async (connection) => {
      await temporal.client.workflow.signalWithStart(KEEP_CONNECTION_FRESH, {
        ...ownerStart(connection, 'Square'),
        signal: ACCESS_REVOKED_SIGNAL,
      });
    },
  });

/** What the owner's history has of each kind that Temporal counts as an action, and of everything. */
async function costOf(grant: TestGrant) {
  const events = (await world.owner(grant).fetchHistory()).events ?? [];
  const count = (has: (event: (typeof events)[number]) => unknown) =>
    events.filter((event) => has(event) != null).length;
  const signals = count((event) => event.workflowExecutionSignaledEventAttributes);
  const activities = count((event) => event.activityTaskScheduledEventAttributes);
  const timers = count((event) => event.timerStartedEventAttributes);
  return { signals, actions: 1 + signals + activities + timers, events: events.length };
}

const openEventsOf = async ({ account }: TestGrant): Promise<number> => {
  const [row] = await world.admin<{ count: number }[]>`
    select count(*)::int as count from webhook_events where external_account_id = ${account} and state in ('waiting', 'retrying')`;
  return row?.count ?? 0;
};
const stateOf = async ({ account }: TestGrant): Promise<string | undefined> =>
  (await world.admin<{ state: string }[]>`select state from webhook_events where external_account_id = ${account}`)[0]
    ?.state;

describe('a thousand deliveries about one connection', () => {
  const wordsOf = (grant: TestGrant) => {
    const events = Array.from({ length: 500 }, () => revocation('square', grant.account));
    return [...events, ...Array.from({ length: 50 }, () => events.slice(0, 10)).flat()];
  };

  it('cost one signal while nobody acts on it', async () => {
    const grant = await world.aGrant('square', 'code');
    await world.startOwner(grant);
    const words = wordsOf(grant);
    const half = Math.floor(words.length / 2);
    await deliverAll(words.slice(0, half), 40);
    expect(await drain()).toBeGreaterThan(0);
    await deliverAll(words.slice(half), 40);
    await drain();
    expect((await costOf(grant)).signals).toBe(1);
  }, 120_000);

  it('cost at most twenty Temporal actions while the owner asks the provider each time, and lose no word', async () => {
    await world.aWorker();
    const grant = await world.aGrant('square', 'code');
    await world.startOwner(grant);
    await deliverAll(wordsOf(grant), 40);
    await until(async () => (await openEventsOf(grant)) === 0, { limitMs: 60_000, what: 'the inbox is drained' });
    const cost = await costOf(grant);
    expect(cost.actions, JSON.stringify(cost)).toBeLessThanOrEqual(20);
    expect(cost.events, JSON.stringify(cost)).toBeLessThanOrEqual(100);
    await world.controls.square.revoke(grant.account);
    await deliver(revocation('square', grant.account));
    await expect.poll(() => world.row(grant), { timeout: 40_000 }).toMatchObject({ state: 'needs-reauth' });
  }, 180_000);
});

describe('one event sent ten times at once', () => {
  it('costs at most two signals', async () => {
    const grant = await world.aGrant('square', 'code');
    await world.startOwner(grant);
    const body = revocation('square', grant.account);
    await deliverAll(
      Array.from({ length: 10 }, () => body),
      10,
    );
    await until(async () => (await stateOf(grant)) === 'applied', { limitMs: 30_000, what: 'the event is applied' });
    expect((await costOf(grant)).signals).toBe(1);
  }, 60_000);
});
