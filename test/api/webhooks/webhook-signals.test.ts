import { Client, Connection } from '@temporalio/client';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../../api/app.ts';
import { createErrorHandler } from '../../../api/errors/error-handler.ts';
import { requestContext } from '../../../api/http/request-context.ts';
import { startServer } from '../../../api/http/server.ts';
import { createConnectionGateway } from '../../../api/temporal/connection-gateway.ts';
import { webhookRouter } from '../../../api/webhooks/webhooks.ts';
import type { ProvidersConfig } from '../../../config/provider-settings.ts';
import { createAccessCheckStore } from '../../../db/connections/access-check-store.ts';
import { createAccountConnections } from '../../../db/connections/account-connections.ts';
import { createBudgetStore } from '../../../db/budgets/budget-store.ts';
import { createWebhookDeliveryStore } from '../../../db/webhooks/webhook-delivery-store.ts';
import { createProviders, PROVIDERS } from '../../../providers/registry.ts';
import { until } from '../../support/eventually.ts';
import { createGrantWorld } from '../../support/worlds/grant-world.ts';
import type { GrantWorld, TestGrant } from '../../support/worlds/grant-world.ts';
import { PUBLIC_URL } from '../api-world.ts';
import { providers, revocation, signed } from './webhook-deliveries.ts';

/** Real Temporal, a real owner of the grant, and the webhook route of one API process. */
let world: GrantWorld;
let temporal: { readonly client: Client; readonly connection: Connection };
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  world = await createGrantWorld();
  const { db } = world.database;
  const connection = await Connection.connect({ address: world.temporal.address });
  temporal = { connection, client: new Client({ connection, namespace: world.temporal.namespace }) };
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const app = express();
  app.use(requestContext);
  app.use(
    webhookRouter({
      publicUrl: PUBLIC_URL,
      providers: createProviders(PROVIDERS, providers() as ProvidersConfig, { budget: createBudgetStore(db) }),
      accountConnections: createAccountConnections(db),
      accessChecks: createAccessCheckStore(db),
      deliveries: createWebhookDeliveryStore(db),
      connectionGateway: createConnectionGateway({
        ...temporal,
        providerName: (provider: string) => provider,
      }),
      log,
    }),
  );
  app.use(createErrorHandler({ log, publicUrl: PUBLIC_URL }));
  server = await startServer({ express: app, endpoints: [], endStreams: () => undefined } satisfies App, {
    host: '127.0.0.1',
    port: 0,
    publicUrl: PUBLIC_URL,
    log,
  });
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

describe('a thousand deliveries about one connection', () => {
  const wordsOf = (grant: TestGrant) => {
    const events = Array.from({ length: 500 }, () => revocation('square', grant.account));
    return [...events, ...Array.from({ length: 50 }, () => events.slice(0, 10)).flat()];
  };

  it('cost one signal while nobody acts on it', async () => {
    const grant = await world.aGrant('square', 'code');
    await world.startOwner(grant);
    await deliverAll(wordsOf(grant), 40);
    expect((await costOf(grant)).signals).toBeLessThanOrEqual(2);
  }, 120_000);

  it('cost at most twenty Temporal actions while the owner asks the provider each time, and lose no word', async () => {
    await world.aWorker();
    const grant = await world.aGrant('square', 'code');
    await world.startOwner(grant);
    await deliverAll(wordsOf(grant), 40);
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
    expect((await costOf(grant)).signals).toBeLessThanOrEqual(2);
  }, 60_000);
});
