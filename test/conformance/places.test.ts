import { describe, expect, it } from 'vitest';
import { pulledSourceId } from '../../domain/sync/pull/source-id.ts';
import type { InventoryFields } from '../../records/inventory.ts';
import type { MappableRecord, ProviderRecord } from '../../providers/provider.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { aKey, allTime, changing, createBench, readAll } from './bench.ts';
import { isNamedByPlace } from './records.ts';

/** Records that are named by what they say, such as the stock of a product at a place: a write needs one that is there. */
const WITH_PLACES = PROVIDERS.filter(({ resources }) =>
  resources.some(({ resource, directions }) => directions.includes('push') && isNamedByPlace(resource)),
).map(({ id }) => id);

describe.each(WITH_PLACES)('the adapter of %s', (provider) => {
  const { adapter, counted, map, open, resourcesWith, sandbox, write } = createBench(provider);

  describe.each(resourcesWith('push', 'pull').filter(isNamedByPlace))('writing %s', (resource) => {
    const session = () => open().resource(resource);
    const listed = async (): Promise<readonly ProviderRecord[]> => {
      const streams = adapter().pullPlan(resource).listing.flat();
      const pages = await Promise.all(streams.map(({ name }) => readAll(session(), { ...allTime(), stream: name })));
      return pages.flat().flatMap(({ records }) => records);
    };
    /** As a pull stores it. */
    const stored = (remote: ProviderRecord, changes: Partial<InventoryFields> = {}): MappableRecord => ({
      id: crypto.randomUUID(),
      sourceId: 'i-1',
      fields: { ...(remote.fields as InventoryFields), productSourceId: pulledSourceId(ACCOUNT, 'p'), ...changes },
      refs: remote.refs,
    });
    const quantityOf = async (remote: ProviderRecord) =>
      ((await session().retrieve(remote.externalId))?.fields as InventoryFields).quantity;

    it('writes a count, with as many calls as the mapping predicts, and reads it back', async () => {
      await sandbox().seed(resource, 1);
      const [remote] = await listed();
      const record = stored(remote!, { quantity: '42.5', countedAt: new Date().toISOString() });
      const before = counted();
      const written = await write(resource).update(remote!.externalId, map(resource, record), changing(remote!));
      expect(counted() - before).toBe(
        adapter().mapping(resource).callsToWrite(map(resource, record), { externalState: null }),
      );
      expect(written).toMatchObject({ externalId: remote!.externalId, fields: { quantity: '42.5' } });
      expect(await quantityOf(remote!)).toBe('42.5');
    });

    it('names the record by its place: the first write and a later one are of the same count', async () => {
      await sandbox().seed(resource, 1);
      const [remote] = await listed();
      const record = stored(remote!, { quantity: '3', countedAt: new Date().toISOString() });
      const created = await write(resource).create(map(resource, record), aKey());
      expect(created.externalId).toBe(remote!.externalId);
      expect(await sandbox().ids(resource)).toEqual([remote!.externalId]);
    });

    it('is neutral over a round trip: what is read and written back makes no side effect, and no write', async () => {
      await sandbox().seed(resource, 20);
      const before = await sandbox().sideEffects();
      for (const remote of await listed()) {
        const mapped = map(resource, stored(remote));
        await write(resource).update(remote.externalId, mapped, changing(remote));
        await write(resource).create(mapped, aKey());
      }
      expect(await sandbox().sideEffects()).toEqual(before);
    });

    it('counts to nothing what is taken out of use, once, and says that the place is left', async () => {
      await sandbox().seed(resource, 1);
      const [remote] = await listed();
      for (let times = 0; times < 2; times += 1)
        expect(await write(resource).archive(remote!.externalId, aKey())).toBe('archived');
      expect(await quantityOf(remote!)).toBe('0');
      expect(await write(resource).archive(sandbox().unknownId(resource), aKey())).toBe('deleted');
    });
  });
});

const ACCOUNT = { provider: 'square', environment: 'sandbox', externalAccountId: 'a' } as const;
