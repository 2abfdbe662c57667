import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { ServiceName } from '../../runtime/instance.ts';
import type { SyncBody } from '../support/service-client.ts';
import type { StripeAccount } from '../support/stripe-account.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';
import { aCustomer } from '../support/sync-world.ts';

// INTERLOCK_TEST_SEED repeats the moments of an earlier run, as far as moments can be repeated.
const seed = Number(process.env['INTERLOCK_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const PUSHED = 300;
const PULLED = 12_000;
/** How long both take undisturbed, about: 300 writes and 120 pages, each at 40 a second and at 75 ms. */
const FIRST_MOMENT_MS = 500;
const LAST_MOMENT_MS = 2_000;
const RECOVERY_LIMIT_MS = 75_000;

let system: System;
beforeAll(async () => {
  process.stdout.write(`moments of the crashes come from INTERLOCK_TEST_SEED=${seed}\n`);
  system = await startSystem({ ownServers: true, env: { STRIPE_REQUESTS_PER_SECOND: '40' } });
  await system.stripe.limits({ requestsPerSecond: 0, latencyMs: 75 });
}, 180_000);
afterAll(() => system.stop(), 60_000);
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${system.logOf('worker')}\n${system.logOf('api')}\n`);
});

/** A number from 0 to 1 that the seed and the index decide (mulberry32). */
function random(index: number): number {
  const state = (seed + Math.imul(index + 1, 0x6d2b79f5)) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

interface Work {
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
  readonly run: SyncBody;
}

async function begin(direction: 'push' | 'pull'): Promise<Work> {
  const [account, venueId] = await Promise.all([system.stripe.addAccount(), system.api.createVenue()]);
  if (direction === 'push') await system.api.load(venueId, Array.from({ length: PUSHED }, (_, index) => aCustomer(index)));
  else await account.seed(PULLED);
  const { id: connectionId } = await system.api.connect(venueId, account.secretKey);
  return { venueId, connectionId, account, run: await system.api.start(venueId, { connectionId, direction }) };
}

const atWork = ({ venueId, run }: Work) => system.api.reached(venueId, run.id, { what: 'is at work', when: ({ progress }) => progress.done > 0 });

function expectComplete(run: SyncBody, count: number): void {
  const { counts } = run;
  expect(run).toMatchObject({ phase: 'finished', outcome: 'completed', error: null, waitingFor: null, progress: { done: count, total: count } });
  expect({ read: counts.read, sum: counts.created + counts.updated + counts.unchanged + counts.rejected }).toEqual({ read: count, sum: count });
  expect(counts.rejected).toBe(0);
}

async function expectPushedOnce({ venueId, connectionId, account }: Work): Promise<void> {
  const atStripe = (await account.customers()).map(({ metadata }) => metadata['interlock_source_id']);
  expect({ held: atStripe.length, different: new Set(atStripe).size }).toEqual({ held: PUSHED, different: PUSHED });
  expect(await account.writes()).toHaveLength(PUSHED);
  const [links] = await system.database`
    select count(*)::int as linked, count(distinct l.external_id)::int as different from customers c
    join record_links l on l.record_id = c.id and l.connection_id = ${connectionId} and l.state = 'linked' where c.venue_id = ${venueId}`;
  expect(links).toEqual({ linked: PUSHED, different: PUSHED });
}

async function expectPulledOnce({ venueId, connectionId, account }: Work): Promise<void> {
  expect((await account.customers()).length).toBe(PULLED);
  expect(await account.writes()).toEqual([]);
  const [stored] = await system.database`
    select (select count(*)::int from customers where venue_id = ${venueId}) as customers, count(*)::int as linked, count(distinct external_id)::int as different
    from record_links where connection_id = ${connectionId} and state = 'linked'`;
  expect(stored).toEqual({ customers: PULLED, linked: PULLED, different: PULLED });
}

const SERVICES: readonly ServiceName[] = ['worker', 'api', 'postgres', 'temporal'];

it.each(SERVICES)('a push and a pull both end complete, with each record exactly once, when %s is killed in the middle', async (service) => {
  const [push, pull] = await Promise.all([begin('push'), begin('pull')]);
  await Promise.all([atWork(push), atWork(pull)]);
  const momentMs = FIRST_MOMENT_MS + random(SERVICES.indexOf(service)) * (LAST_MOMENT_MS - FIRST_MOMENT_MS);
  await sleep(momentMs);
  const [pushed, pulled] = await Promise.all([push, pull].map(({ venueId, run }) => system.api.run(venueId, run.id)));
  // Otherwise the crash would not be in the middle, and prove nothing.
  expect([pushed?.finishedAt, pulled?.finishedAt]).toEqual([null, null]);

  const killedAt = performance.now();
  const upAfterMs = await system.kill(service);
  const ends = await Promise.all([push, pull].map(({ venueId, run }) => system.api.finished(venueId, run.id, RECOVERY_LIMIT_MS)));
  const doneAfterMs = performance.now() - killedAt;
  process.stdout.write(
    `${service} killed after ${Math.round(momentMs)} ms at ${pushed?.progress.done} of ${PUSHED} pushed, ${pulled?.progress.done} of ${PULLED} pulled: ` +
      `up after ${Math.round(upAfterMs)} ms, both complete after ${Math.round(doneAfterMs)} ms\n`,
  );
  expectComplete(ends[0]!, PUSHED);
  expectComplete(ends[1]!, PULLED);
  await Promise.all([expectPushedOnce(push), expectPulledOnce(pull)]);
}, 120_000);
