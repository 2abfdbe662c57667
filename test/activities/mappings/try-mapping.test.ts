import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMappingTrialActivities } from '../../../activities/mappings/try-mapping.ts';
import type { MappingTrial } from '../../../contracts/mappings.ts';
import type { MappingRule } from '../../../domain/mapping/mapping.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

const PHONE = { target: 'phone', source: 'metadata.mobile' };
const writes = async (world: World) => (await world.stripe.calls()).filter(({ method }) => method === 'POST').length;

describe('the trial of a mapping', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  async function trial(rule: Partial<MappingRule> & { readonly target: string }): Promise<MappingTrial> {
    const ref = { ...venue, resource: 'customers' };
    const definition = { fields: [{ direction: 'both' as const, policy: 'venue' as const, ...rule }] };
    const proposed = await world.mappings.propose(ref, { definition, createdBy: 'test' });
    const { tryMappingVersion } = createMappingTrialActivities(world.deps);
    return world.aStage().run(tryMappingVersion, { ...ref, provider: 'stripe', version: proposed?.version ?? 0 });
  }

  const load = (metadata: Record<string, string>, index = 0) =>
    world.customers.upsertMany(venue.venueId, [{ ...aCustomer(index), metadata }]);

  it('asks the provider nothing before it has a record', async () => {
    await load({ mobile: '+49 1' });
    expect(await trial(PHONE)).toMatchObject({ outcome: 'not-tried', reason: 'nothing-to-try' });
    expect(await writes(world)).toBe(0);
  });

  it('sends one record that the mapping changes, which the next push does not send twice', async () => {
    await load({ mobile: '+49 1' }, 1);
    await load({}, 2);
    await world.sync(venue, 'push');
    const before = await writes(world);
    expect(await trial(PHONE)).toMatchObject({ outcome: 'accepted' });
    expect(await writes(world)).toBe(before + 1);
    const customers = await world.stripe.customers<{ id: string; phone: string | null }>();
    expect(customers.filter(({ phone }) => phone === '+49 1')).toHaveLength(1);
  });

  it('makes no call when the mapping changes nothing', async () => {
    await load({});
    await world.sync(venue, 'push');
    const before = await writes(world);
    expect(await trial(PHONE)).toMatchObject({ outcome: 'not-tried', reason: 'nothing-to-try' });
    expect(await writes(world)).toBe(before);
  });

  it('tells the provider’s words when it refuses, and never the value', async () => {
    await load({ address: 'nowhere@localhost' });
    await world.sync(venue, 'push');
    const told = await trial({ target: 'email', source: 'metadata.address' });
    expect(told).toMatchObject({
      outcome: 'refused',
      httpStatus: 400,
      code: 'email_invalid',
      problems: [{ path: 'email', message: 'The provider refuses it: email_invalid (http 400).' }],
    });
    expect(told.recordId).not.toBeNull();
    expect(JSON.stringify(told)).not.toContain('nowhere');
  });

  it('refuses what this service or its adapter refuses, without a call', async () => {
    await load({ mobile: '1'.repeat(50) });
    await world.sync(venue, 'push');
    const before = await writes(world);
    expect(await trial(PHONE)).toMatchObject({ outcome: 'refused', code: null, problems: [{ path: 'phone' }] });
    expect(await trial({ target: 'phone', expression: '$string($number(name))' })).toMatchObject({
      outcome: 'refused',
      problems: [{ path: 'phone' }],
    });
    expect(await writes(world)).toBe(before);
  });

  it.each([
    [429, 'rate-limited'],
    [500, 'unavailable'],
    [503, 'unavailable'],
    [403, 'access-refused'],
    [401, 'access-refused'],
  ])('is no verdict on the mapping when the provider answers %i', async (status, reason) => {
    await load({ mobile: '+49 1' });
    await world.sync(venue, 'push');
    await world.stripe.fault({ kind: 'status', status, times: 5, match: { method: 'POST' } });
    expect(await trial(PHONE)).toMatchObject({ outcome: 'not-tried', reason });
  });

  it('writes nothing to a provider that is only read', async () => {
    await world.stripe.seed({ resource: 'customers', count: 3 });
    await world.sync(venue, 'pull');
    const before = await writes(world);
    expect(await trial({ target: 'phone', expression: '"+49 2"' })).toMatchObject({
      outcome: 'not-tried',
      reason: 'only-read',
    });
    expect(await writes(world)).toBe(before);
  });
});
