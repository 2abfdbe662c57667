import { randomUUID } from 'node:crypto';
import type { ConflictId, RecordId } from '../../contracts/ids.ts';
import type { ProviderId, Resource, SyncMode } from '../../contracts/providers.ts';
import type { MergePolicy } from '../../contracts/records.ts';
import { createConflictStore } from '../../db/conflicts/conflict-store.ts';
import { createRecordStore } from '../../db/records/record-store.ts';
import type { ProviderRecord, ResourceSession, ResourceWriter } from '../../providers/provider.ts';
import type { Providers } from '../../providers/providers.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import type { InvoiceFields } from '../../records/invoices.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { Secret } from '../../vault/secret.ts';
import { listRecords } from '../support/list-records.ts';
import { createUnpacedProviders } from '../support/test-providers.ts';
import { createSyncWorld } from '../support/worlds/sync-world.ts';
import type { RunOptions, TestVenue } from '../support/worlds/sync-world.ts';
import { TWO_WAY_STAND_INS } from './two-way-accounts.ts';
import type { TwoWayAccount, TwoWayStandIn } from './two-way-accounts.ts';
import { isNamedByPlace } from './records.ts';
import { writerOf } from './bench.ts';
import { twoWaySamplesOf } from './two-way-samples.ts';

/** A connection of the venue with the account that it leads to. */
export interface Side extends TestVenue {
  readonly account: TwoWayAccount;
}

export interface StoredRecord {
  readonly id: RecordId;
  readonly sourceId: string;
  readonly version: number;
  readonly deletedAt: string | null;
  readonly [field: string]: unknown;
}

/** The activities with their real parts against one provider's stand-in, for two-way runs of any of its resources. */
export async function createTwoWayWorld(
  provider: ProviderId,
  start: () => Promise<TwoWayStandIn> = TWO_WAY_STAND_INS[provider] ?? missing(provider),
) {
  const standIn = await start();
  let beforeUpdate: (() => Promise<unknown>) | null = null;
  const hook = async () => {
    const work = beforeUpdate;
    beforeUpdate = null;
    await work?.();
  };
  /** Accounts by their key: a world's connections have keys, also where the provider connects by consent alone. */
  const onBehalfOf = new Map<string, string | undefined>();
  const world = await createSyncWorld({
    provider,
    providersOn: (budget) =>
      withHook(createUnpacedProviders(standIn.config, budget), { hook, onBehalfOf: (key) => onBehalfOf.get(key) }),
  });
  const stores = Object.fromEntries(
    RECORD_KINDS.names.map((name) => [name, createRecordStore(world.database.db, RECORD_KINDS.get(name))]),
  );
  const storeOf = (resource: Resource) => stores[resource] ?? missing(resource)();

  async function aSide(venue?: TestVenue): Promise<Side> {
    const account = await standIn.addAccount();
    const { secretKey } = account;
    onBehalfOf.set(secretKey, account.onBehalfOf);
    return { ...(await (venue ? world.connect(venue.venueId, { secretKey }) : world.aVenue(secretKey))), account };
  }

  const adapter = () => world.deps.providers.find(provider) ?? missing(provider)();
  /** The provider's resource as another client of the account uses it. */
  const asOther = ({ account }: Side, resource: Resource): ResourceSession =>
    adapter()
      .open({
        ...{ secretKey: new Secret(account.secretKey), onBehalfOf: account.onBehalfOf },
        call: (request) => request(),
      })
      .resource(resource);

  const records = async (side: TestVenue, resource: Resource): Promise<readonly StoredRecord[]> =>
    (
      await listRecords(storeOf(resource), side.venueId, {
        filter: { includeDeleted: true },
        page: { limit: 1_000, after: null },
      })
    ).data;

  const externalIdOf = async (side: TestVenue, { id }: StoredRecord): Promise<string> => {
    const [row] = await world.database.admin<{ external_id: string | null }[]>`
      select external_id from record_links where connection_id = ${side.connectionId} and record_id = ${id}`;
    return row?.external_id ?? '';
  };

  const remoteOf = async (side: Side, resource: Resource, record: StoredRecord): Promise<ProviderRecord | null> =>
    asOther(side, resource).retrieve(await externalIdOf(side, record));

  return {
    world,
    standIn,
    aSide,
    asOther,
    records,
    remoteOf,
    externalIdOf,
    /** The only record of a venue under this sourceId. */
    recordOf: async (side: TestVenue, resource: Resource, sourceId = 'r-1') =>
      (await records(side, resource)).find((one) => one.sourceId === sourceId) ?? missing(sourceId)(),
    load: (side: TestVenue, resource: Resource, fields: RecordFields, sourceId = 'r-1') =>
      storeOf(resource).upsertMany(side.venueId, [{ sourceId, ...fields }] as never),
    remove: (side: TestVenue, resource: Resource, { id }: StoredRecord) => storeOf(resource).remove(side.venueId, id),
    both: (side: TestVenue, resource: Resource, mode: SyncMode = 'incremental', more: RunOptions = {}) =>
      world.sync(side, 'both', mode, { resource, ...more }),
    /** What a venue has to have before records of a resource can be sent: the product of a count, and whom an invoice names. */
    async prepare(side: Side, resource: Resource): Promise<RecordFields> {
      const aRecordOf = async (named: Resource) => {
        await side.account.seed(named, 1);
        await world.sync(side, 'pull', 'full', { resource: named });
        return (await records(side, named))[0]?.sourceId;
      };
      if (isNamedByPlace(resource))
        return { productSourceId: await aRecordOf('products'), location: side.account.location };
      if (resource !== 'invoices') return {};
      const { lines } = twoWaySamplesOf(resource).fields as InvoiceFields;
      const productSourceId = await aRecordOf('products');
      return {
        customerSourceId: await aRecordOf('customers'),
        lines: lines.map((line) => ({ ...line, productSourceId })),
      };
    },
    /** Brings what records of a resource name to one more account of the venue. */
    async join(side: Side, resource: Resource): Promise<void> {
      const { references, listReferences } = RECORD_KINDS.get(resource);
      for (const { to } of [...Object.values(references), ...Object.values(listReferences)])
        await world.sync(side, 'both', 'full', { resource: to });
    },
    /** Changes an object as another client of the account would. */
    async edit(side: Side, resource: Resource, { record, change }: { record: StoredRecord; change: RecordFields }) {
      await standIn.tick();
      const remote = (await remoteOf(side, resource, record)) ?? missing('remote')();
      const { externalId, recordId, refs, listRefs, externalState = null } = remote;
      const own = { id: recordId ?? randomUUID(), sourceId: record.sourceId, refs, listRefs };
      const mapped = adapter()
        .mapping(resource)
        .toPayload({ ...own, fields: { ...remote.fields, ...change } });
      await writerOf(asOther(side, resource)).update(externalId, mapped, {
        ...{ idempotencyKey: randomUUID(), clearedMetadataKeys: [], externalState },
      });
    },
    /** Runs once, after a run has read and before it updates. */
    betweenReadingAndWriting(work: () => Promise<unknown>) {
      beforeUpdate = work;
    },
    writes: async ({ account }: Side) => (await account.calls()).filter(({ written }) => written).length,
    setPolicy: async (
      { venueId, connectionId }: TestVenue,
      resource: Resource,
      definition: { readonly policy?: MergePolicy; readonly deletionPolicy?: MergePolicy },
    ) => {
      const ref = { venueId, connectionId, resource };
      const mapping = await world.mappings.propose(ref, {
        definition: { fields: [], ...definition },
        createdBy: 'test',
      });
      await world.mappings.activate(ref, mapping?.version ?? 0);
    },
    conflicts: async ({ venueId }: TestVenue) =>
      (
        await createConflictStore(world.database.db, RECORD_KINDS).list(
          venueId,
          { state: 'open' },
          { limit: 100, after: null },
        )
      ).data,
    resolve: (
      { venueId }: TestVenue,
      id: ConflictId,
      { take, values = {} }: { readonly take: 'venue' | 'provider' | 'values'; readonly values?: RecordFields },
    ) =>
      createConflictStore(world.database.db, RECORD_KINDS).resolve(
        { venueId, id },
        { take, values: { ...values }, by: 'alice' },
      ),
    async close() {
      await standIn.close();
      await world.close();
    },
  };
}

export type TwoWayWorld = Awaited<ReturnType<typeof createTwoWayWorld>>;

function missing(what: string): () => never {
  return () => {
    throw new Error(`there is no ${what}`);
  };
}

interface Hooks {
  /** Runs before every update. */
  readonly hook: () => Promise<void>;
  /** The account that a key acts for; undefined where the key tells it. */
  readonly onBehalfOf: (secretKey: string) => string | undefined;
}

function withHook(providers: Providers, { hook, onBehalfOf }: Hooks): Providers {
  const hooked = (writer: ResourceWriter): ResourceWriter => {
    const { batch } = writer;
    return {
      ...writer,
      update: async (...given) => {
        await hook();
        return writer.update(...given);
      },
      ...(batch && {
        batch: {
          ...batch,
          update: async (...given: Parameters<typeof batch.update>) => {
            await hook();
            return batch.update(...given);
          },
        },
      }),
    };
  };
  return {
    ...providers,
    open(provider, options) {
      const account = onBehalfOf(options.secretKey.expose());
      const session = providers.open(provider, account === undefined ? options : { ...options, onBehalfOf: account });
      return {
        ...session,
        account: () => session.account(),
        newestChangeEpochS: () => session.newestChangeEpochS(),
        resource: (resource) => {
          const one = session.resource(resource);
          return { ...one, writer: one.writer && hooked(one.writer) };
        },
      };
    },
  };
}
