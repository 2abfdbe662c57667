import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CIRCUIT_OPEN, FAILURE } from '../../../contracts/failures.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;
let world: World;
let venue: TestVenue;
beforeAll(async () => {
  world = await createSyncWorld({ circuits: true });
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.stripe.reset();
  await world.stripe.limits({ requestsPerSecond: 0 });
  await world.database.admin`delete from provider_circuits`;
  venue = await world.aVenue();
});

const failureOf = async (input: SyncConnectionInput): Promise<ApplicationFailure> => {
  const error: unknown = await world.chunk(input).catch((thrown: unknown) => thrown);
  if (error instanceof ApplicationFailure) return error;
  throw new Error('the chunk did not fail');
};
/** Runs chunks until one of them meets the open circuit. */
async function meetOpenCircuit(input: SyncConnectionInput): Promise<ApplicationFailure> {
  for (let attempt = 0; attempt < 6; attempt += 1) {
    const failure = await failureOf(input);
    if (JSON.stringify(failure.details).includes(CIRCUIT_OPEN)) return failure;
    expect(failure).toMatchObject({ type: FAILURE.unavailable, nonRetryable: false });
  }
  throw new Error('the circuit did not open');
}
const calls = async () => (await world.stripe.calls()).length;

describe.each(['push', 'pull'] as const)('a %s whose provider is down', (direction) => {
  it('is left to its workflow with the date until which no call is made, and makes none', async () => {
    await world.load(venue, 20);
    await world.stripe.seed({ resource: 'customers', count: 300 });
    await world.stripe.fault({ kind: 'status', status: 503 });
    const input = await world.open(venue, direction, 'full');
    await world.begin(input);
    const failure = await meetOpenCircuit(input);
    expect(failure).toMatchObject({ type: FAILURE.unavailable, nonRetryable: true });
    const [{ retryAfterMs }] = failure.details as [{ retryAfterMs: number }];
    expect(retryAfterMs).toBeGreaterThan(30_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    const before = await calls();
    await failureOf(input);
    expect(await calls()).toBe(before);
    const [row] = await world.database.admin`select phase, waiting_for from sync_runs where id = ${input.syncId}`;
    expect(row).toMatchObject({ phase: 'waiting', waiting_for: { what: 'provider-unavailable' } });
    const { until } = row?.['waiting_for'] as { until: string };
    expect(Date.parse(until) - Date.now()).toBeGreaterThan(25_000);
  });

  it('writes and reads everything once after the provider is back', async () => {
    await world.load(venue, 20);
    if (direction === 'pull') await world.stripe.seed({ resource: 'customers', count: 300 });
    await world.stripe.fault({ kind: 'status', status: 503 });
    const input = await world.open(venue, direction, 'full');
    await world.begin(input);
    await meetOpenCircuit(input);
    await world.stripe.clearFaults();
    await world.database.admin`update provider_circuits set retry_at = now()`;
    // The probes of a chunk's first calls close it; what was refused meanwhile is asked for again.
    let status = '';
    for (let attempt = 0; attempt < 5 && status !== 'done'; attempt += 1)
      status = await world.chunk(input).then(
        (chunk) => chunk.status,
        (error: unknown) => (error instanceof ApplicationFailure ? '' : Promise.reject(error as Error)),
      );
    expect(status).toBe('done');
    expect(await world.database.admin`select key from provider_circuits`).toEqual([]);
    if (direction === 'push') expect(await world.stripe.customers()).toHaveLength(20);
  });
});

it('a record that the provider rejects opens no circuit', async () => {
  await world.load(venue, 20);
  await world.stripe.fault({ match: { method: 'POST' }, kind: 'status', status: 400, times: 12 });
  const input = await world.open(venue, 'push', 'full');
  await world.begin(input);
  expect(await world.chunk(input)).toMatchObject({ status: 'done', counts: { rejected: 12, created: 8 } });
  expect(await world.database.admin`select key from provider_circuits`).toEqual([]);
});
