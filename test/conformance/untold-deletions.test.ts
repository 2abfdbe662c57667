import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import { twoWayResourcesOf } from './two-way-suite.ts';
import { isNamedByPlace } from './records.ts';
import { twoWaySamplesOf } from './two-way-samples.ts';
import { createTwoWayWorld } from './two-way-world.ts';
import type { TwoWayWorld } from './two-way-world.ts';

const PROVIDERS = ['stripe', 'square', 'quickbooks', 'mailchimp', 'xero'] as const;

describe.each<ProviderId>(PROVIDERS)('an incremental two-way run that meets a deletion at %s', (provider) => {
  let world: TwoWayWorld;
  beforeAll(async () => {
    world = await createTwoWayWorld(provider);
  });
  afterAll(() => world.close());

  async function aChangedRecordWithoutItsObject(resource: Resource) {
    const { fields, deletable = fields, conflict } = twoWaySamplesOf(resource);
    const side = await world.aSide();
    const prepared = await world.prepare(side, resource);
    await world.load(side, resource, { ...deletable, ...prepared });
    await world.both(side, resource, 'full');
    const externalId = await world.externalIdOf(side, await world.recordOf(side, resource));
    await world.load(side, resource, { ...deletable, ...prepared, ...conflict.venue });
    return { side, removeThere: () => side.account.remove(resource, externalId) };
  }

  const resources = twoWayResourcesOf(provider).filter((resource) => !isNamedByPlace(resource));

  it.each(
    resources.flatMap((resource) =>
      (['venue', 'provider', 'review'] as const).map((policy) => [resource, policy] as const),
    ),
  )('decides about changed %s by the deletion policy %s', async (resource, deletionPolicy) => {
    const { side, removeThere } = await aChangedRecordWithoutItsObject(resource);
    await world.setPolicy(side, resource, { deletionPolicy });
    await world.standIn.tick();
    await removeThere();
    const told = await world.both(side, resource, 'incremental');
    const isKept = deletionPolicy === 'venue';
    const isAsked = deletionPolicy === 'review';
    expect(told.counts).toMatchObject({
      ...{ created: isKept ? 1 : 0, updated: 0, rejected: 0 },
      ...{ archived: deletionPolicy === 'provider' ? 1 : 0, conflicts: deletionPolicy === 'provider' ? 0 : 1 },
    });
    const record = await world.recordOf(side, resource);
    expect(record.deletedAt === null).toBe(deletionPolicy !== 'provider');
    expect((await world.conflicts(side)).map(({ kind }) => kind)).toEqual(isAsked ? ['deleted-by-provider'] : []);
    const before = await world.writes(side);
    for (const mode of ['incremental', 'full'] as const)
      expect((await world.both(side, resource, mode)).counts).toMatchObject({
        ...{ created: 0, updated: 0, archived: 0, rejected: 0 },
      });
    expect(await world.writes(side)).toBe(before);
  });
});

describe('an incremental two-way run that meets more deletions than it may carry out', () => {
  it('archives some, and leaves the others to the next run', async () => {
    const world = await createTwoWayWorld('square');
    try {
      const side = await world.aSide();
      await world.setPolicy(side, 'customers', { deletionPolicy: 'provider' });
      const named = (index: number, name: string) => ({ name, email: `ada-${index}@example.com` });
      const ids = Array.from({ length: 23 }, (_, index) => `r-${index}`);
      for (const [index, id] of ids.entries()) await world.load(side, 'customers', named(index, 'Ada'), id);
      await world.both(side, 'customers', 'full');
      for (const [index, id] of ids.entries()) await world.load(side, 'customers', named(index, 'Eve'), id);
      for (const record of await world.records(side, 'customers'))
        await side.account.remove('customers', await world.externalIdOf(side, record));
      const before = await world.writes(side);
      expect((await world.both(side, 'customers')).counts).toMatchObject({ created: 0, archived: 20, rejected: 3 });
      expect((await world.both(side, 'customers')).counts).toMatchObject({ created: 0, archived: 3, rejected: 0 });
      expect(await world.writes(side)).toBe(before);
    } finally {
      await world.close();
    }
  });
});
