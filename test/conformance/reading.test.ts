import { beforeEach, describe, expect, it } from 'vitest';
import type { ProviderPage, ProviderRecord, PullPlan, ResourceSession } from '../../providers/provider.ts';
import { SPOKEN, aKey, allTime, changing, createBench, readAll } from './bench.ts';
import type { Part } from './bench.ts';
import { aRecord, isNamedByPlace, samplesOf } from './records.ts';

describe.each(SPOKEN)('the adapter of %s', (provider) => {
  const { adapter, agreed, carriedId, counted, map, open, prepare, resourcesWith, sandbox, write } =
    createBench(provider);

  describe.each(resourcesWith('pull'))('reading %s', (resource) => {
    const plan = adapter().pullPlan(resource);
    const listed = namesOf(plan.listing);
    const session = () => open().resource(resource);
    const listing = async (part: Part = allTime(), between?: () => Promise<unknown>, opened?: ResourceSession) => {
      const pages: ProviderPage[] = [];
      for (const stream of listed) pages.push(...(await readAll(opened ?? session(), { ...part, stream }, between)));
      return pages;
    };

    /** The largest page size of the lists, at least 200. */
    const aPage = async () =>
      Math.max(
        200,
        ...(await Promise.all(listed.map((stream) => session().listPage({ ...allTime(), stream })))).map(
          ({ pageSize }) => pageSize,
        ),
      );

    it.each([...new Set([...listed, ...namesOf(plan.changes?.streams ?? [])])])(
      'answers an empty page where there is nothing, with one call and those that the list needs before: %s',
      async (stream) => {
        const { records, positions, after, amendments = [] } = await session().listPage({ ...allTime(), stream });
        expect([records, positions, after, amendments]).toEqual([[], [], null, []]);
        expect(counted()).toBe(1 + (sandbox().extraCalls.first[stream] ?? 0));
      },
    );

    it('brings every record once, one call a page besides those that the lists need, each with its position, and time windows newest first', async () => {
      const ids = await sandbox().seed(resource, (await aPage()) + 57);
      for (const { name: stream, strategy } of plan.listing.flat()) {
        const pages = await readAll(session(), { ...allTime(), stream });
        const positions = pages.flatMap((page) => page.positions);
        expect(new Set(positions.map(({ id }) => id)).size).toBe(positions.length);
        if (strategy !== 'timeWindows') continue;
        const created = positions.map(({ atEpochS }) => atEpochS ?? NaN);
        expect(created).toEqual([...created].sort((a, b) => b - a));
        expect(pages.slice(0, -1).every(({ after, positions: all }) => after === all.at(-1)?.id)).toBe(true);
      }
      const before = counted();
      const pages = await listing();
      expect(livingIds(pages).sort()).toEqual([...ids].sort());
      expect(counted() - before - pages.length).toBe(sandbox().extraCalls.listing[resource] ?? 0);
    });

    it('misses nothing that existed when the walk began, while others are created', async () => {
      const ids = await sandbox().seed(resource, (await aPage()) + 50);
      const pages = await listing(allTime(), () => sandbox().seed(resource, 1));
      expect(new Set(livingIds(pages)).size).toBe(livingIds(pages).length);
      expect(livingIds(pages)).toEqual(expect.arrayContaining([...ids]));
      // A list of one page leaves no time for others.
      if (pages.length > listed.length) expect((await sandbox().ids(resource)).length).toBeGreaterThan(ids.length);
    });

    it('returns the parts of time windows without gap or overlap', async () => {
      if (plan.listing.flat().some(({ strategy }) => strategy !== 'timeWindows')) return;
      const ids = await sandbox().seed(resource, 120);
      const cut = (await listing())[0]?.positions.at(-1)?.atEpochS ?? 0;
      const parts = [await listing({ ...allTime(), fromEpochS: cut }), await listing({ ...allTime(), toEpochS: cut })];
      expect(parts.flatMap(livingIds).sort()).toEqual([...ids].sort());
      expect(parts.every((pages) => livingIds(pages).length > 0)).toBe(true);
    });

    it('gives a later reading a version that is not older', async () => {
      await sandbox().seed(resource, 1);
      // By one session: where versions are times, each session tells the provider's clock for itself, to the second.
      const opened = session();
      const read = async () => living(await listing(allTime(), undefined, opened))[0];
      const [first, second] = [await read(), await read()];
      expect(second?.version).toBeGreaterThanOrEqual(first?.version ?? Infinity);
      expect(first).toMatchObject({ deleted: false, recordId: null, fields: expect.any(Object) as object });
    });

    it('retrieves what it lists, and null for anything else', async () => {
      await sandbox().seed(resource, 2);
      for (const record of living(await listing())) {
        expect(await session().retrieve(record.externalId)).toMatchObject({
          externalId: record.externalId,
          fields: record.fields,
        });
      }
      expect(await session().retrieve(sandbox().unknownId(resource))).toBeNull();
    });

    it('retrieves many as it retrieves each, where the provider tells many by one call', async () => {
      await sandbox().seed(resource, 3);
      const { retrieveMany } = session();
      if (!retrieveMany) return;
      const ids = living(await listing()).map(({ externalId }) => externalId);
      const before = counted();
      const { records, rejections = [] } = await retrieveMany.read([...ids, sandbox().unknownId(resource)]);
      expect(counted() - before).toBeLessThan(ids.length);
      const each = await Promise.all(ids.map((id) => session().retrieve(id)));
      expect(new Map(records.map((record) => [record.externalId, record]))).toEqual(
        new Map(each.map((record) => [record?.externalId, record])),
      );
      expect(rejections).toEqual([]);
    });

    it('counts a full listing with one call, or says that it cannot', async () => {
      const ids = await sandbox().seed(resource, 7);
      expect([ids.length, null]).toContain(await session().count());
      expect(counted()).toBeLessThanOrEqual(1);
    });
  });

  describe.each(resourcesWith('push', 'pull').filter((resource) => !isNamedByPlace(resource)))(
    'reading what changed of %s',
    (resource) => {
      const { full, minimal, renamed } = samplesOf(resource, provider);
      beforeEach(() => prepare(resource));
      const changes = async () => {
        const records: ProviderRecord[] = [];
        for (const stream of namesOf(adapter().pullPlan(resource).changes?.streams ?? [])) {
          records.push(
            ...(await readAll(open().resource(resource), { ...allTime(), stream })).flatMap((page) => page.records),
          );
        }
        return records;
      };

      it('returns the newest state of what was created and changed, if it has a change feed', async () => {
        if (adapter().pullPlan(resource).changes === null) return;
        const record = aRecord(full);
        const remote = await write(resource).create(map(resource, record), aKey());
        const later = { ...record, fields: renamed(full) };
        await write(resource).update(remote.externalId, map(resource, later), changing(remote));
        const told = await changes();
        const newest = told.reduce((one, other) => (other.version > one.version ? other : one));
        expect(newest).toMatchObject({
          externalId: remote.externalId,
          recordId: carriedId(resource, record),
          deleted: false,
        });
        expect(agreed(resource, later, newest)).toBe(true);
        const versions = told.map(({ version }) => version);
        expect(versions).toEqual([...versions].sort((a, b) => b - a));
      });

      it('returns a deletion and nothing newer, or nothing where the provider does not tell deletions', async () => {
        if (adapter().pullPlan(resource).changes === null) return;
        const remote = await write(resource).create(map(resource, aRecord(minimal)), aKey());
        await sandbox().remove(resource, remote.externalId);
        const told = await changes();
        if (!sandbox().feedTellsDeletionsOf.includes(resource)) {
          expect(told).toEqual([]);
          return;
        }
        expect(told[0]).toMatchObject({ externalId: remote.externalId, deleted: true, fields: null });
        expect(told.every(({ version }) => version <= (told[0]?.version ?? 0))).toBe(true);
      });
    },
  );
});

const namesOf = (stages: PullPlan['listing']) => stages.flat().map(({ name }) => name);
const living = (pages: readonly ProviderPage[]) =>
  pages.flatMap(({ records }) => records).filter(({ deleted }) => !deleted);
const livingIds = (pages: readonly ProviderPage[]) => living(pages).map(({ externalId }) => externalId);
