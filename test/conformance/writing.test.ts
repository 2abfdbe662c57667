import { beforeEach, describe, expect, it } from 'vitest';
import { ProviderError } from '../../providers/provider-error.ts';
import type { MappableRecord, ProviderRecord, ResourceWriter, RemoteSearch } from '../../providers/provider.ts';
import { WRITTEN, aKey, changing, createBench, writerOf } from './bench.ts';
import { aRecord, isNamedByPlace, samplesOf } from './records.ts';
import type { Trouble } from './sandboxes.ts';

describe.each(WRITTEN)('the adapter of %s', (provider) => {
  const { adapter, agreed, carriedId, counted, map, open, prepare, resourcesWith, sandbox, write } =
    createBench(provider);

  describe.each(resourcesWith('push').filter((resource) => !isNamedByPlace(resource)))('writing %s', (resource) => {
    const { full, minimal, renamed, emails } = samplesOf(resource, provider);
    beforeEach(() => prepare(resource));
    const session = () => open().resource(resource);
    const create = (record: MappableRecord = aRecord(full), key = aKey()) =>
      write(resource).create(map(resource, record), key);

    it('accepts a full record and an empty one', () => {
      for (const fields of [full, minimal]) expect(map(resource, aRecord(fields)).problems).toEqual([]);
    });

    it('creates an object that retrieving and searching then find', async () => {
      const record = aRecord(full);
      const created = await create(record);
      expect(created).toMatchObject({ recordId: carriedId(resource, record), deleted: false });
      expect(await session().retrieve(created.externalId)).toMatchObject({
        externalId: created.externalId,
        recordId: carriedId(resource, record),
        fields: created.fields,
      });
      for (const email of emails)
        expect(await lookFor(write(resource), record, email)).toMatchObject({ externalId: created.externalId });
      expect(agreed(resource, record, created)).toBe(true);
    });

    it('makes as many calls as the mapping predicts', async () => {
      const record = aRecord(full);
      const { callsToWrite } = adapter().mapping(resource);
      const remote = await create(record);
      const extra = sandbox().extraCalls.firstWrite[resource] ?? 0;
      expect(counted() - extra).toBe(callsToWrite(map(resource, record), null));
      for (const fields of [full, minimal]) {
        const mapped = map(resource, { ...record, fields });
        const before = counted();
        await write(resource).update(remote.externalId, mapped, changing(remote));
        const predicted = callsToWrite(mapped, { externalState: remote.externalState ?? null });
        if (fields === minimal) expect(counted() - before).toBe(predicted);
        // What is as wanted already may be found out by fewer calls.
        else expect(counted() - before).toBeLessThanOrEqual(predicted);
      }
    });

    it('creates once under one key, however often it is sent', async () => {
      const [record, key] = [aRecord(full), aKey()];
      const first = await create(record, key);
      expect(await create(record, key)).toMatchObject({ externalId: first.externalId });
      expect(await sandbox().ids(resource)).toEqual([first.externalId]);
    });

    it('says that its objects tell our id only where they do', async () => {
      const record = aRecord(full);
      const remote = await create(record);
      const read = await session().retrieve(remote.externalId);
      const id = read?.recordId;
      expect(write(resource).tellsRecordId === true ? id : record.id).toBe(record.id);
    });

    it('creates once when the first answer was lost', async () => {
      const [record, key] = [aRecord(full), aKey()];
      await sandbox().trouble('reset-after-commit', 1);
      await expect(create(record, key)).rejects.toMatchObject({ details: { kind: 'unavailable' } });
      const second = await create(record, key);
      expect(await sandbox().ids(resource)).toEqual([second.externalId]);
    });

    it.each(emails)(
      'finds the remote record of a lost answer without its key, by email %s and our id',
      async (email) => {
        const record = aRecord({ ...full, ...(email === null && 'email' in full && { email: null }) });
        await sandbox().seed(resource, 3);
        await sandbox().trouble('reset-after-commit', 1);
        await create(record).catch(() => undefined);
        expect(await lookFor(write(resource), record, email)).toMatchObject({ recordId: carriedId(resource, record) });
        // Another record: with another id, and with another name where names are unique.
        const other = aRecord(sandbox().carriesOurId(resource) ? full : renamed(full));
        expect(await lookFor(write(resource), other, email)).toBeNull();
      },
    );

    it('updates every field, clears what is cleared, and keeps the id', async () => {
      const record = aRecord(full);
      const remote = await create(record);
      const emptied = { ...record, fields: minimal };
      const updated = await write(resource).update(remote.externalId, map(resource, emptied), {
        ...changing(remote),
        clearedMetadataKeys: Object.keys((full as { readonly metadata: object }).metadata),
      });
      expect(updated.externalId).toBe(remote.externalId);
      for (const read of [updated, await session().retrieve(remote.externalId)])
        expect(agreed(resource, emptied, read)).toBe(true);
      const refilled = await write(resource).update(remote.externalId, map(resource, record), changing(updated));
      expect(agreed(resource, record, refilled)).toBe(true);
    });

    it('gives the same result for an update however often it is repeated', async () => {
      const record = aRecord(full);
      const remote = await create(record);
      const options = {
        ...changing(remote),
        clearedMetadataKeys: Object.keys((full as { readonly metadata: object }).metadata),
      };
      const mapped = map(resource, { ...record, fields: minimal });
      await write(resource).update(remote.externalId, mapped, options);
      expect(
        agreed(
          resource,
          { ...record, fields: minimal },
          await write(resource).update(remote.externalId, mapped, options),
        ),
      ).toBe(true);
      expect(await sandbox().ids(resource)).toEqual([remote.externalId]);
    });

    it('takes a remote record out of use, says whether that is permanent, and reports a missing one as gone', async () => {
      const record = aRecord(minimal);
      const remote = await create(record);
      const end = await write(resource).archive(remote.externalId, aKey());
      const left = await session().retrieve(remote.externalId);
      if (end === 'deleted') expect(left).toBeNull();
      else {
        expect(agreed(resource, record, left)).toBe(false);
        const again = write(resource).update(remote.externalId, map(resource, record), changing(left));
        if (sandbox().bringsBack?.(resource) ?? true) expect(agreed(resource, record, await again)).toBe(true);
        else await expect(again).rejects.toMatchObject({ details: { kind: 'rejected' } });
        await sandbox().remove(resource, remote.externalId);
      }
      expect(await write(resource).archive(remote.externalId, aKey())).toBe('deleted');
    });

    it('retrieves null for a record that does not exist or no longer does, and refuses to update it', async () => {
      const remote = await create(aRecord(minimal));
      await sandbox().remove(resource, remote.externalId);
      expect(await session().retrieve(remote.externalId)).toBeNull();
      for (const fields of [minimal, full]) {
        await expect(
          write(resource).update(remote.externalId, map(resource, aRecord(fields)), changing(remote)),
        ).rejects.toMatchObject({ details: { kind: 'rejected', httpStatus: 404 } });
      }
    });

    it.each<[Trouble, string]>([
      ['server-error', 'unavailable'],
      ['page-instead-of-json', 'unavailable'],
      ['reset', 'unavailable'],
      ['too-many-requests', 'rate-limited'],
    ])('throws an actionable error on %s, after one request, and writes nothing', async (trouble, kind) => {
      await sandbox().trouble(trouble, 1);
      const error: unknown = await create().catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(ProviderError);
      expect((error as ProviderError).details).toMatchObject({ provider, kind });
      expect(counted()).toBe(1);
      expect(await sandbox().ids(resource)).toEqual([]);
    });

    it('says when a failure is a replay of a stored one, where the provider stores failures', async () => {
      if (!sandbox().keepsFailures) return;
      const [record, key] = [aRecord(full), aKey()];
      await sandbox().trouble('server-error-once-stored', 1);
      await expect(create(record, key)).rejects.toMatchObject({ details: { kind: 'unavailable', replayed: false } });
      await expect(create(record, key)).rejects.toMatchObject({ details: { kind: 'unavailable', replayed: true } });
      await expect(create(record)).resolves.toMatchObject({ recordId: carriedId(resource, record) });
    });

    it('distinguishes an unknown key from one with too few permissions', async () => {
      await expect(open(sandbox().unknownKey).account()).rejects.toMatchObject({ details: { kind: 'needs-reauth' } });
      const restricted = writerOf(open(sandbox().restrictedKey).resource(resource));
      await expect(restricted.create(map(resource, aRecord(full)), aKey())).rejects.toMatchObject({
        details: { kind: sandbox().restrictedKind, httpStatus: sandbox().restrictedStatus ?? 403 },
      });
    });

    it('stops when its signal is aborted', async () => {
      let asked = 0;
      const stopped = adapter().open({
        secretKey: sandbox().secretKey,
        onBehalfOf: sandbox().onBehalfOf,
        signal: AbortSignal.abort(),
        call: (request) => ((asked += 1), request()),
      });
      await expect(writerOf(stopped.resource(resource)).create(map(resource, aRecord(full)), aKey())).rejects.toSatisfy(
        (error: Error) => error instanceof ProviderError || error.name === 'AbortError',
      );
      expect([asked, await sandbox().requests()]).toEqual([1, 0]);
    });
  });
});

async function lookFor(
  writer: ResourceWriter,
  record: MappableRecord,
  email: string | null,
): Promise<ProviderRecord | null> {
  const hint = {
    ...{ recordId: record.id, email, fields: record.fields },
    createdSinceEpochS: Math.floor(Date.now() / 1_000) - 600,
  };
  let after: RemoteSearch['after'] = null;
  do {
    const search: RemoteSearch = await writer.findRemote({ ...hint, after });
    if (search.found) return search.found;
    after = search.after;
  } while (after !== null);
  return null;
}
