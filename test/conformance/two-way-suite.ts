import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConflictId } from '../../contracts/ids.ts';
import type { ProviderId, Resource, SyncMode } from '../../contracts/providers.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { isNamedByPlace } from './records.ts';
import { comparedIn, twoWaySamplesOf } from './two-way-samples.ts';
import { createTwoWayWorld } from './two-way-world.ts';
import type { Side, StoredRecord, TwoWayWorld } from './two-way-world.ts';

const FIVE_RUNS: readonly SyncMode[] = ['incremental', 'full', 'incremental', 'full', 'incremental'];

const NOTHING_DONE = { created: 0, updated: 0, archived: 0, rejected: 0 };

/**
 * Declares the tests of two-way runs for every resource that a provider declares for both directions. Each provider has
 * a test file of its own, so that they run beside each other.
 */
export function describeTwoWay(provider: ProviderId): void {
  const resources = twoWayResourcesOf(provider);

  describe(`two-way runs of ${provider}`, () => {
    let world: TwoWayWorld;
    beforeAll(async () => {
      world = await createTwoWayWorld(provider);
    });
    afterAll(() => world.close());

    describe.each(resources)('of %s', (resource: Resource) => {
      const { fields, deletable, changes, conflict } = twoWaySamplesOf(resource);
      let side: Side;
      let prepared: RecordFields;

      const both = (mode: 'full' | 'incremental' = 'incremental', at = side) => world.both(at, resource, mode);
      const record = () => world.recordOf(side, resource);
      const load = async (change: RecordFields) => {
        const now = await record();
        const names = Object.keys(RECORD_KINDS.get(resource).fields);
        return world.load(side, resource, { ...pick(now, names), ...change });
      };
      const edit = async (change: RecordFields, at = side) =>
        world.edit(at, resource, { record: await record(), change });
      const remote = async (at = side) => world.remoteOf(at, resource, await record());
      /** Whether the venue's record and the provider's object of each side have these values. */
      const agreeOn = async (wanted: RecordFields, sides: readonly Side[] = [side]) => {
        const names = comparedIn(wanted);
        const venue = await record();
        expect(pick(venue, names), 'the venue’s record').toEqual(pick(wanted, names));
        for (const one of sides)
          expect(pick((await remote(one))?.fields ?? {}, names), 'the provider’s object').toEqual(pick(wanted, names));
      };
      /** Writes nothing in further runs, one of each mode unless told otherwise. */
      const settles = async (sides: readonly Side[] = [side], modes: readonly SyncMode[] = ['incremental', 'full']) => {
        const state = async () => ({
          writes: await Promise.all(sides.map((one) => world.writes(one))),
          effects: await Promise.all(sides.map(({ account }) => account.sideEffects())),
          versions: (await world.records(side, resource)).map(({ id, version }) => [id, version]),
        });
        const before = await state();
        for (const mode of modes)
          for (const one of sides) expect((await both(mode, one)).counts).toMatchObject(NOTHING_DONE);
        expect(await state()).toEqual(before);
      };

      const anotherSide = async () => {
        const other = await world.aSide(side);
        await world.join(other, resource);
        return other;
      };

      beforeEach(async () => {
        side = await world.aSide();
        prepared = await world.prepare(side, resource);
        await world.load(side, resource, { ...fields, ...prepared });
        expect(await both('full')).toMatchObject({ outcome: 'completed', counts: { created: 1, rejected: 0 } });
      });

      it('have changes with a time, which the policy newest needs', () => {
        expect(world.world.deps.providers.find(provider)?.pullPlan(resource).dates).toContain('changes');
      });

      it('write nothing in five idle runs, also where the provider rewrites values and has objects of its own', async () => {
        await side.account.seed(resource, 3);
        await both('full');
        expect(await world.records(side, resource)).toHaveLength(4);
        await settles([side], FIVE_RUNS);
      });

      it('carry what is edited on every side to all others', async () => {
        const other = isNamedByPlace(resource) ? null : await anotherSide();
        const sides = other ? [side, other] : [side];
        if (other) await both('full', other);
        const [venues, first, second] = changes;
        await load(venues);
        if (first) await edit(first);
        if (second && other) await edit(second, other);
        for (const one of [...sides, ...sides, side])
          expect((await both('incremental', one)).counts).toMatchObject({ conflicts: 0, rejected: 0 });
        await agreeOn({ ...venues, ...first, ...(other && second) }, sides);
        await settles(sides, FIVE_RUNS);
      });

      it('take what the provider alone has changed, without a write', async () => {
        await edit(conflict.provider);
        const before = await world.writes(side);
        expect((await both()).counts).toMatchObject({ updated: 1, conflicts: 0, rejected: 0 });
        expect(await world.writes(side)).toBe(before);
        await agreeOn(conflict.provider);
        await settles();
      });

      it.each(['venue', 'provider', 'values'] as const)(
        'tell a conflict, keep both values until a person decides, and carry the decision: %s',
        async (take) => {
          await load(conflict.venue);
          await edit(conflict.provider);
          expect((await both()).counts).toMatchObject({ conflicts: 1, rejected: 0 });
          const names = comparedIn(conflict.venue);
          expect(pick(await record(), names)).toEqual(pick(conflict.venue, names));
          expect(pick((await remote())?.fields ?? {}, names)).toEqual(pick(conflict.provider, names));
          await settles();
          const [open] = await world.conflicts(side);
          expect(open?.fields.map(({ field }) => field)).toEqual(expect.arrayContaining([...names]) as unknown);
          const values = Object.fromEntries(
            (open?.fields ?? []).map(({ field, venue }) => [field, conflict.chosen[field] ?? venue]),
          );
          await world.resolve(side, open?.id as ConflictId, { take, ...(take === 'values' && { values }) });
          expect((await both()).counts).toMatchObject({ conflicts: 0, rejected: 0 });
          await agreeOn(take === 'values' ? conflict.chosen : conflict[take]);
          expect(await world.conflicts(side)).toEqual([]);
          await settles();
        },
      );

      it.each([
        ['venue', 'venue'],
        ['provider', 'provider'],
        ['newest', 'provider'],
      ] as const)('settle what both sides have changed by the policy %s', async (policy, winner) => {
        await world.setPolicy(side, resource, { policy, deletionPolicy: 'review' });
        await load(conflict.venue);
        await edit(conflict.provider);
        expect((await both()).counts).toMatchObject({ conflicts: 1, rejected: 0 });
        await agreeOn(conflict[winner]);
        expect(await world.conflicts(side)).toEqual([]);
        await settles();
      });

      it('settle by the newest change also where it is the venue’s', async () => {
        await world.setPolicy(side, resource, { policy: 'newest', deletionPolicy: 'review' });
        await edit(conflict.provider);
        await load(conflict.venue);
        await world.world.database.admin`update ${world.world.database.admin(tableOf(resource))}
        set updated_at = now() + interval '1 hour' where venue_id = ${side.venueId}`;
        expect((await both()).counts).toMatchObject({ conflicts: 1, rejected: 0 });
        await agreeOn(conflict.venue);
      });

      it('carry a deletion of the venue, and write nothing after it', async () => {
        await world.remove(side, resource, await record());
        expect((await both()).counts).toMatchObject({ archived: 1, conflicts: 0, rejected: 0 });
        await settles();
      });

      it.each([
        ['venue', null],
        ['provider', 'revived'],
        ['review', 'deleted-by-venue'],
      ] as const)('meet a change of the provider by the deletion policy %s', async (deletionPolicy, told) => {
        await world.setPolicy(side, resource, { deletionPolicy });
        await edit(conflict.provider);
        await world.remove(side, resource, await record());
        await both();
        expect((await record()).deletedAt === null).toBe(told === 'revived');
        expect((await world.conflicts(side)).map(({ kind }) => kind)).toEqual(
          told === 'deleted-by-venue' ? ['deleted-by-venue'] : [],
        );
        await settles();
      });

      it.each([
        ['venue', true],
        ['provider', false],
      ] as const)('carry what a person decides about a deletion that met a change: %s', async (take, staysDeleted) => {
        await world.setPolicy(side, resource, { deletionPolicy: 'review' });
        await edit(conflict.provider);
        await world.remove(side, resource, await record());
        await both();
        const [open] = await world.conflicts(side);
        await world.resolve(side, open?.id as ConflictId, { take });
        for (const mode of ['full', 'incremental'] as const)
          expect((await both(mode)).counts).toMatchObject({ conflicts: 0, rejected: 0 });
        expect(await world.conflicts(side)).toEqual([]);
        expect((await record()).deletedAt !== null).toBe(staysDeleted);
        if (!staysDeleted) await agreeOn(conflict.provider);
        await settles();
      });

      // A count at Square can be emptied and not deleted.
      describe.skipIf(isNamedByPlace(resource))('when the provider deletes', () => {
        beforeEach(async () => {
          if (deletable === undefined) return;
          side = await world.aSide();
          await world.load(side, resource, deletable);
          await both('full');
        });
        const removeThere = async () => {
          const externalId = await world.externalIdOf(side, await record());
          await world.standIn.tick();
          await side.account.remove(resource, externalId);
        };

        it('carry a deletion of the provider, and write nothing after it', async () => {
          await removeThere();
          expect((await both('full')).counts).toMatchObject({ archived: 1, conflicts: 0, rejected: 0 });
          expect((await record()).deletedAt).not.toBeNull();
          await settles();
        });

        it.each([
          ['venue', null],
          ['provider', 'archived'],
          ['review', 'deleted-by-provider'],
        ] as const)('meet a change of the venue by the deletion policy %s', async (deletionPolicy, told) => {
          await world.setPolicy(side, resource, { deletionPolicy });
          await load(conflict.venue);
          await removeThere();
          await both('full');
          expect((await record()).deletedAt !== null).toBe(told === 'archived');
          expect((await world.conflicts(side)).map(({ kind }) => kind)).toEqual(
            told === 'deleted-by-provider' ? ['deleted-by-provider'] : [],
          );
          await settles();
        });
      });

      it('merge again what the provider changes between reading and writing', async () => {
        const [mine, ...others] = changes;
        const theirs: RecordFields = others.length === 0 ? conflict.provider : { ...others[0], ...others[1] };
        await load(mine);
        world.betweenReadingAndWriting(() => edit(theirs));
        await both();
        await both();
        // A count at Square has one value, and the one that was made later holds.
        await agreeOn({ ...mine, ...theirs });
        expect(await world.conflicts(side)).toEqual([]);
        await settles();
      });

      it.each(['create', 'update'] as const)('do not double a write of unknown outcome: %s', async (kind) => {
        const before = (await side.account.calls()).length;
        if (kind === 'create' && isNamedByPlace(resource)) return;
        // Another name, address and code than the first record's: names are unique at QuickBooks, addresses at
        // Mailchimp, and codes at Xero.
        const code = 'sku' in fields ? { sku: 'CH-2' } : {};
        const other = { ...fields, ...prepared, ...changes[0], ...changes[1], ...code };
        if (kind === 'create') await world.load(side, resource, other, 'r-2');
        else await load(changes[0]);
        await side.account.fault({
          ...{ kind: 'commit-then-fail', times: 1 },
          match: {
            method: kind === 'create' ? (world.standIn.createMethod ?? 'POST') : 'POST',
            path: world.standIn.writes[kind],
          },
        });
        const input = await world.world.open(side, 'both', 'incremental', { resource });
        await world.world.begin(input);
        await expect(world.world.chunk(input)).rejects.toThrow();
        expect((await side.account.calls()).length).toBeGreaterThan(before);
        expect(await world.world.chunk(input)).toMatchObject({ status: 'done' });
        expect(await world.world.finish(input)).toMatchObject({ outcome: 'completed', counts: { rejected: 0 } });
        await both('full');
        expect(await world.records(side, resource)).toHaveLength(kind === 'create' ? 2 : 1);
        await settles();
      });

      it('go on after an interruption where they were, and count each record once', async () => {
        await side.account.seed(resource, 3);
        await load(changes[0]);
        await side.account.fault({
          ...{ kind: 'status', status: 503, times: 1 },
          match: { method: 'POST', path: world.standIn.writes.update },
        });
        const input = await world.world.open(side, 'both', 'full', { resource });
        await world.world.begin(input);
        await expect(world.world.chunk(input)).rejects.toThrow();
        expect(await world.world.chunk(input)).toMatchObject({ status: 'done' });
        expect(await world.world.finish(input)).toMatchObject({
          outcome: 'completed',
          counts: { created: 3, updated: 1, rejected: 0, conflicts: 0 },
        });
        await settles();
      });

      it('read a list again whose cursor has expired while the run was parked', async () => {
        const { expiredCursor, pageSize } = world.standIn;
        // More than a page holds.
        const seeded = isNamedByPlace(resource) ? 1_050 : pageSize + 150;
        await side.account.seed(resource, seeded);
        const list = { method: expiredCursor === null ? 'GET' : 'POST', path: LISTS };
        const input = await world.world.open(side, 'both', 'full', { resource });
        await world.world.begin(input);
        const count = async () => (await world.records(side, resource)).length;
        const before = await count();
        // The failure may come before the first page is stored, and there is no cursor yet then: where a count and settings go ahead
        // of the pages, the second page is the third or fourth call.
        for (let attempt = 0; attempt < 10 && (await count()) === before; attempt += 1) {
          await side.account.fault({ kind: 'status', status: 503, match: { ...list, nth: 2 + (attempt % 3) } });
          await world.world.chunk(input).catch(() => undefined);
        }
        expect(await count()).toBeGreaterThan(before);
        if (expiredCursor !== null)
          await side.account.fault({
            ...{ kind: 'status', status: 400, code: expiredCursor, times: 1 },
            match: { ...list },
          });
        for (let chunk = await world.world.chunk(input); chunk.status === 'more';)
          chunk = await world.world.chunk(input);
        expect(await world.world.finish(input)).toMatchObject({ outcome: 'completed', counts: { rejected: 0 } });
        const stored = await world.records(side, resource);
        // The world lists the venue's first 1,000 records.
        expect(new Set(stored.map(({ sourceId }) => sourceId)).size).toBe(Math.min(1_000, seeded + 1));
      });

      it.skipIf(isNamedByPlace(resource))('keep two accounts with equal ids apart', async () => {
        const other = await anotherSide();
        for (const one of [side, other]) {
          await one.account.putTwin(resource);
          await both('full', one);
        }
        const twins = (await world.records(side, resource)).filter(({ sourceId }) => sourceId !== 'r-1');
        expect(twins).toHaveLength(2);
        const [mine] = await Promise.all(
          twins.map(async (twin) => ((await world.externalIdOf(side, twin)) === '' ? [] : [twin])),
        ).then((found) => found.flat());
        await world.edit(other, resource, {
          record: twins.find(({ id }) => id !== mine?.id) as StoredRecord,
          change: conflict.provider,
        });
        for (const one of [side, other, side, other]) await both('incremental', one);
        const after = await world.records(side, resource);
        expect(after.find(({ id }) => id === mine?.id)?.version).toBe(mine?.version);
        await settles([side, other]);
      });
    });
  });
}

const LISTS =
  '/v1/(customers|products)|/v2/(catalog/search|customers/search|inventory/counts/batch-retrieve)|/v3/company/\\d+/query|/3.0/lists/[^/]+/members';
const tableOf = (resource: Resource) => (resource === 'inventory' ? 'inventory_levels' : resource);

const pick = (from: RecordFields, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, from[name]]));

/** The resources that a provider declares for both directions. */
export const twoWayResourcesOf = (provider: ProviderId): readonly Resource[] =>
  PROVIDERS.filter(({ id }) => id === provider).flatMap(({ resources }) =>
    resources.filter(({ directions }) => directions.includes('both')).map(({ resource }) => resource),
  );
