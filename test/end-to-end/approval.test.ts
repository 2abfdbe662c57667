import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { APPROVE_SIGNAL } from '../../contracts/sync.ts';
import type { CustomerBody, SyncBody } from '../support/service-client.ts';
import { aSyncVenue, attributesOnce, closedAs, handleOf } from '../support/worlds/sync-venue.ts';
import type { SyncVenue } from '../support/worlds/sync-venue.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '2000' } });
  await system.stripe.limits({ requestsPerSecond: 0 });
}, 120_000);
afterAll(() => system.stop());

const RADIUS = { archiving: 60, of: 100 };

describe('a full pull of a venue that has lost 60 of its 100 customers at Stripe', () => {
  let venue: SyncVenue;
  let run: SyncBody;
  let asked: SyncBody;
  beforeEach(async () => {
    venue = await aSyncVenue(system);
    await venue.account.seed(RADIUS.of);
    const order = { connectionId: venue.connectionId, direction: 'pull' } as const;
    expect(await system.api.sync(venue.venueId, order)).toMatchObject({
      outcome: 'completed',
      counts: { created: RADIUS.of },
    });
    const held = await venue.account.customers();
    await Promise.all(held.slice(0, RADIUS.archiving).map(({ id }) => venue.account.call('DELETE', `customers/${id}`)));
    run = await system.api.start(venue.venueId, order);
    asked = await system.api.reached(venue.venueId, run.id, {
      what: 'waits for approval',
      when: ({ phase }) => phase === 'awaiting-approval',
    });
  }, 60_000);

  const all = async () =>
    (
      await system.api.get<{ readonly data: readonly CustomerBody[] }>(
        `/v1/venues/${venue.venueId}/records/customers?limit=200&includeDeleted=true`,
      )
    ).data;
  const archived = async () => (await all()).filter(({ deletedAt }) => deletedAt !== null).length;
  const approve = () => system.api.tryPost(`/v1/venues/${venue.venueId}/syncs/${run.id}/approve`, {});
  const approvedBy = async () =>
    (await system.database<{ approved_by: string }[]>`select approved_by from sync_runs where id = ${run.id}`)[0]
      ?.approved_by;

  async function expectArchivedOnce(limitMs?: number): Promise<void> {
    const ended = await system.api.finished(venue.venueId, run.id, limitMs);
    expect(ended).toMatchObject({
      id: run.id,
      outcome: 'completed',
      awaiting: null,
      waitingFor: null,
      counts: { archived: RADIUS.archiving },
    });
    expect(ended.approvedAt).not.toBeNull();
    expect(await archived()).toBe(RADIUS.archiving);
    await closedAs(system, run, 'COMPLETED');
    expect(await attributesOnce(system, run, ({ Phase }) => Phase === 'finished')).toMatchObject({
      NeedsAttention: false,
    });
    // The next run has nothing to ask.
    expect(await system.api.sync(venue.venueId, { connectionId: venue.connectionId, direction: 'pull' })).toMatchObject(
      { outcome: 'completed', counts: { archived: 0 } },
    );
    expect(await archived()).toBe(RADIUS.archiving);
  }

  it('archives nothing before a person approves, shows the count, and asks for attention', async () => {
    expect(asked).toMatchObject({
      awaiting: RADIUS,
      waitingFor: { what: 'approval', until: null },
      outcome: null,
      approvedAt: null,
      counts: { archived: 0 },
    });
    expect(await attributesOnce(system, run, ({ Phase }) => Phase === 'awaiting-approval')).toMatchObject({
      NeedsAttention: true,
    });
    expect(JSON.stringify(await handleOf(system, run).query('__temporal_workflow_metadata'))).toContain(
      'archive 60 of 100 records',
    );
    expect(await archived()).toBe(0);
  });

  it('archives exactly the 60, once, when the API approves', async () => {
    expect((await approve()).status).toBe(202);
    await expectArchivedOnce();
    expect(await approvedBy()).toBe('test');
    const kept = new Set((await venue.account.customers()).map(({ id }) => id));
    for (const { deletedAt, links } of await all())
      expect(deletedAt === null).toBe(links.some(({ externalId }) => externalId !== null && kept.has(externalId)));
  });

  it('archives the 60, once, when the Web UI sends its bare signal', async () => {
    // Waits until the Web UI shows the question. A bare signal that comes before the workflow waits may be a reset's
    // copy and is ignored.
    await attributesOnce(system, run, ({ Phase }) => Phase === 'awaiting-approval');
    await handleOf(system, run).signal(APPROVE_SIGNAL);
    await expectArchivedOnce();
    expect(await approvedBy()).toBe('temporal-ui');
  });

  it('archives nothing when it is cancelled instead, and asks again when it is retried', async () => {
    expect((await system.api.cancel(venue.venueId, run.id)).status).toBe(202);
    expect(await system.api.finished(venue.venueId, run.id)).toMatchObject({
      outcome: 'cancelled',
      awaiting: null,
      counts: { archived: 0 },
    });
    await closedAs(system, run, 'CANCELLED');
    expect(await archived()).toBe(0);
    expect(await approve()).toMatchObject({ status: 409, body: { code: 'not-awaiting-approval' } });

    expect((await system.api.tryPost(`/v1/venues/${venue.venueId}/syncs/${run.id}/retry`, {})).status).toBe(202);
    await system.api.reached(venue.venueId, run.id, {
      what: 'waits for approval again',
      when: ({ phase, awaiting }) => phase === 'awaiting-approval' && awaiting?.archiving === RADIUS.archiving,
    });
    expect(await archived()).toBe(0);
  });

  it('keeps waiting when its worker ends, and accepts the approval sent meanwhile', async () => {
    await attributesOnce(system, run, ({ Phase }) => Phase === 'awaiting-approval');
    const killed = system.kill('worker');
    expect((await approve()).status).toBe(202);
    await killed;
    // Temporal keeps an activity that the ended worker held for up to 30 seconds.
    await expectArchivedOnce(90_000);
  }, 180_000);
});
