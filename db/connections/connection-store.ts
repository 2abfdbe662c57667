import { and, asc, eq, exists, gt, inArray, ne, sql } from 'drizzle-orm';
import type { ConnectionId, ConnectionRef, VenueId } from '../../contracts/ids.ts';
import type { ConnectionState, Environment, OAuthFlow, ProviderId } from '../../contracts/providers.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import { shortened } from '../../domain/reference/characters.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditEntry, AuditOf } from '../core/audit-store.ts';
import { toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { lockCount } from '../core/venue-cap.ts';
import { requireRoomForConnection } from './connection-cap.ts';
import { announceConnection } from '../outgoing/announcements.ts';
import { connections } from '../schema/connections/connections.ts';
import { oauthTokens } from '../schema/connections/oauth-tokens.ts';
import { venueApiKeys } from '../schema/connections/venue-api-keys.ts';
import { ListStatements, queryBuilder, selectStatement } from '../core/statement.ts';
import { readVenue, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

export interface Connection {
  readonly id: ConnectionId;
  readonly venueId: VenueId;
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly state: ConnectionState;
  readonly cause: string | null;
  readonly since: Date;
  readonly nextAction: string | null;
  /** Null until the account owner has approved. */
  readonly account: { readonly id: string; readonly name: string | null } | null;
  /** How the account owner granted access or is asked to; null for a connection with a key. */
  readonly flow: OAuthFlow | null;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  readonly nextRefreshAt: Date | null;
  /** Whether another venue has connected the same account. Which one is not revealed. */
  readonly accountShared: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface NewApiKeyConnection extends ConnectionRef {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly account: { readonly id: string; readonly name: string | null };
  readonly scopes: readonly string[];
  /** Sealed for `connectionId`, which the caller chooses before sealing. */
  readonly sealedKey: SealedSecret;
  /** The non-secret fields; null or absent when there is just a secret key. */
  readonly fields?: Readonly<Record<string, string>> | null;
}

/** The account is the connection's own, which a key cannot change. */
export type ApiKeyReplacement = Omit<NewApiKeyConnection, 'provider' | 'environment'>;

export interface StoredApiKey {
  readonly sealedKey: SealedSecret;
  readonly fields: Readonly<Record<string, string>> | null;
  readonly generation: number;
}

export interface ConnectionStateChange {
  readonly state: ConnectionState;
  readonly cause: string | null;
  readonly nextAction: string | null;
}

export interface ConnectionStore {
  /**
   * The id under which this account is connected already, so that a re-entered key is sealed for the row that it
   * replaces.
   */
  findByAccount(venueId: VenueId, account: AccountRef): Promise<ConnectionId | null>;
  /**
   * Inserts, or for a known account replaces the key (its generation grows). The connection is active then, unless it is
   * suspended. One transaction.
   * Throws AccountAlreadyConnectedError when the account is connected under another id, as when two callers connect it at once, and
   * DisconnectingError; VenueCapError when it would be one more than the venue may have.
   */
  saveWithApiKey(connection: NewApiKeyConnection, auditOf?: AuditOf<Connection>): Promise<Connection>;
  /**
   * Replaces the key of a connection that has one; its generation grows. The connection is active then, unless it is
   * suspended. Throws KeyNotReplaceableError for one by consent, one that is disconnected or being disconnected, and none.
   */
  replaceApiKey(replacement: ApiKeyReplacement, auditOf?: AuditOf<Connection>): Promise<Connection>;
  find(ref: ConnectionRef): Promise<Connection | null>;
  list(venueId: VenueId, page: PageRequest): Promise<Page<Connection>>;
  findApiKey(ref: ConnectionRef): Promise<StoredApiKey | null>;
  setState(ref: ConnectionRef, change: ConnectionStateChange): Promise<void>;
  /**
   * Changes the state of a connection that is in one of the `from` states. Returns false for any other, which stays as
   * it is.
   */
  changeState(ref: ConnectionRef, from: readonly ConnectionState[], change: ConnectionStateChange): Promise<boolean>;
  /**
   * Records that the provider no longer accepts the key of this generation. A connection with a newer key stays as it
   * is. `audit` is written with the change.
   */
  markNeedsReauth(
    ref: ConnectionRef,
    generation: number,
    why: Pick<ConnectionStateChange, 'cause' | 'nextAction'> & { readonly audit?: AuditEntry },
  ): Promise<void>;
}

/** The account's connection is being disconnected, so anything stored now would be wiped. */
export class DisconnectingError extends Error {
  override readonly name = 'DisconnectingError';
  constructor() {
    super('The connection is being disconnected');
  }
}

/** The connection has no key to replace, or none any more. */
export class KeyNotReplaceableError extends Error {
  override readonly name = 'KeyNotReplaceableError';
  constructor() {
    super('The connection has no key that can be replaced');
  }
}

/** The key was sealed for a connection that will not exist: seal it for `connectionId` and save again. */
export class AccountAlreadyConnectedError extends Error {
  override readonly name = 'AccountAlreadyConnectedError';
  readonly connectionId: ConnectionId;

  constructor(connectionId: ConnectionId) {
    super('The account is already connected under another id');
    this.connectionId = connectionId;
  }
}

/** `maxPerVenue`: connections that one venue may have; none that is there already is refused for it. */
export function createConnectionStore(db: Database, maxPerVenue = Infinity): ConnectionStore {
  return {
    findByAccount: (venueId, account) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.select({ id: connections.id }).from(connections).where(isAccount(account));
        return row?.id ?? null;
      }),

    saveWithApiKey: (connection, auditOf) =>
      withVenue(db, connection.venueId, async (tx) => {
        // A connection has one kind of credentials. Lock the grant first, in the same order as a refresh. Generations
        // continue.
        const [grant] = await tx
          .delete(oauthTokens)
          .where(eq(oauthTokens.connectionId, connection.connectionId))
          .returning({ generation: oauthTokens.generation });
        if (maxPerVenue !== Infinity) await requireRoomUnlessCounted(tx, connection, maxPerVenue);
        const before = await stateOf(tx, connection.connectionId);
        const row = await upsertConnection(tx, connection, before);
        if (row.id !== connection.connectionId) throw new AccountAlreadyConnectedError(row.id);
        if (before === null || before === 'disconnected')
          await announceConnection(tx, connection, 'connection.created');
        await upsertKey(tx, connection, 1 + (grant?.generation ?? 0));
        return recordWith(tx, await findSaved(tx, row.id), auditOf);
      }),

    replaceApiKey: (replacement, auditOf) =>
      withVenue(db, replacement.venueId, async (tx) => {
        const { connectionId, account, scopes } = replacement;
        const before = await lockedIn(tx, connectionId);
        if (before === null || !hasReplaceableKey(before)) throw new KeyNotReplaceableError();
        await tx
          .update(connections)
          .set({
            ...stateWithNewCredentials(before.state),
            accountName: accountNameOf(account),
            scopes: [...scopes],
            updatedAt: sql`now()`,
          })
          .where(eq(connections.id, connectionId));
        await upsertKey(tx, replacement, 1);
        return recordWith(tx, await findSaved(tx, connectionId), auditOf);
      }),

    find: async ({ venueId, connectionId }) => {
      const [row] = await readVenue(db, venueId, { statement: FIND, values: { connectionId } });
      return row ? toConnection(row) : null;
    },

    list: async (venueId, { limit, after }) => {
      const rows = await readVenue(db, venueId, LISTS.for({ after, rows: limit + 1 }));
      return toPage(rows, limit, { item: toConnection, id: (row) => row.id });
    },

    findApiKey: ({ venueId, connectionId }) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx
          .select({
            sealedKey: venueApiKeys.sealedKey,
            fields: venueApiKeys.fields,
            generation: venueApiKeys.generation,
          })
          .from(venueApiKeys)
          .where(eq(venueApiKeys.connectionId, connectionId));
        return row ?? null;
      }),

    setState: ({ venueId, connectionId }, { state, cause, nextAction }) =>
      withVenue(db, venueId, async (tx) => {
        await tx
          .update(connections)
          .set({ state, cause, nextAction, stateSince: sinceWhen(state), updatedAt: sql`now()` })
          .where(eq(connections.id, connectionId));
      }),

    changeState: (ref, from, change) => withVenue(db, ref.venueId, (tx) => changeState(tx, { ref, from, change })),

    markNeedsReauth: ({ venueId, connectionId }, generation, { cause, nextAction, audit }) =>
      withVenue(db, venueId, async (tx) => {
        const sameKey = tx
          .select({ one: sql`1` })
          .from(venueApiKeys)
          .where(and(eq(venueApiKeys.connectionId, connectionId), eq(venueApiKeys.generation, generation)));
        const changed = await tx
          .update(connections)
          .set({ state: 'needs-reauth', cause, nextAction, stateSince: sql`now()`, updatedAt: sql`now()` })
          .where(
            and(eq(connections.id, connectionId), inArray(connections.state, ['active', 'degraded']), exists(sameKey)),
          )
          .returning({ id: connections.id });
        if (changed.length > 0) await announceConnection(tx, { venueId, connectionId }, 'connection.needs-reauth');
        await recordWith(tx, undefined, () => audit ?? null);
      }),
  };
}

async function changeState(
  tx: Transaction,
  {
    ref,
    from,
    change,
  }: { readonly ref: ConnectionRef; readonly from: readonly ConnectionState[]; readonly change: ConnectionStateChange },
): Promise<boolean> {
  const { state, cause, nextAction } = change;
  const before = state === 'degraded' ? await stateOf(tx, ref.connectionId) : null;
  const changed = await tx
    .update(connections)
    .set({ state, cause, nextAction, stateSince: sinceWhen(state), updatedAt: sql`now()` })
    .where(and(eq(connections.id, ref.connectionId), inArray(connections.state, [...from])))
    .returning({ id: connections.id });
  if (before === 'active' && changed.length === 1) await announceConnection(tx, ref, 'connection.failing');
  return changed.length === 1;
}

/** Locks the connection, so that it stays what this returns until the transaction ends. Null: there is none. */
async function lockedIn(
  tx: Transaction,
  connectionId: ConnectionId,
): Promise<Pick<Connection, 'state' | 'flow'> | null> {
  const [row] = await tx
    .select({ state: connections.state, flow: connections.flow })
    .from(connections)
    .where(eq(connections.id, connectionId))
    .for('update');
  return row ?? null;
}

const stateOf = async (tx: Transaction, connectionId: ConnectionId): Promise<ConnectionState | null> =>
  (await lockedIn(tx, connectionId))?.state ?? null;

const hasReplaceableKey = ({ state, flow }: Pick<Connection, 'state' | 'flow'>): boolean =>
  flow === null && state !== 'disconnecting' && state !== 'disconnected';

/** Stores the first key of a connection with this generation; another takes the next one. */
async function upsertKey(
  tx: Transaction,
  { venueId, connectionId, sealedKey, fields = null }: ApiKeyReplacement,
  firstGeneration: number,
): Promise<void> {
  await tx
    .insert(venueApiKeys)
    .values({ connectionId, venueId, sealedKey, fields, generation: firstGeneration })
    .onConflictDoUpdate({
      target: venueApiKeys.connectionId,
      set: { sealedKey, fields, generation: sql`${venueApiKeys.generation} + 1`, updatedAt: sql`now()` },
    });
}

const MAX_ACCOUNT_NAME = 500;

/** A provider bounds its accounts' names as it likes. */
export const accountNameOf = ({ name }: { readonly name: string | null }): string | null =>
  name === null ? null : shortened(name, MAX_ACCOUNT_NAME);

interface AccountRef {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly externalAccountId: string;
}

const isAccount = ({ provider, environment, externalAccountId }: AccountRef) =>
  and(
    eq(connections.provider, provider),
    eq(connections.environment, environment),
    eq(connections.externalAccountId, externalAccountId),
  );

/** A new key for an account that counts already takes no room. The account is looked for under the lock: another caller may just have connected it. */
async function requireRoomUnlessCounted(
  tx: Transaction,
  { venueId, provider, environment, account }: NewApiKeyConnection,
  max: number,
): Promise<void> {
  await lockCount(tx, { venueId, what: 'connections' });
  const [known] = await tx
    .select({ state: connections.state })
    .from(connections)
    .where(isAccount({ provider, environment, externalAccountId: account.id }));
  if (known === undefined || known.state === 'disconnected') await requireRoomForConnection(tx, venueId, max);
}

type Row = Omit<
  typeof connections.$inferSelect,
  'listedAccounts' | 'accountsListedAt' | 'chosenAccounts' | 'disconnectRequest'
>;

/** A connection's row without the accounts that its grant opens, which may be many, and with what only a function may look for in other venues. */
const SHOWN = {
  ...{ id: connections.id, venueId: connections.venueId, provider: connections.provider },
  ...{ environment: connections.environment, state: connections.state, stateSince: connections.stateSince },
  ...{ cause: connections.cause, nextAction: connections.nextAction },
  ...{ externalAccountId: connections.externalAccountId, accountName: connections.accountName },
  ...{ flow: connections.flow, scopes: connections.scopes, scheduledResources: connections.scheduledResources },
  liveSchedules: connections.liveSchedules,
  ...{ expiresAt: connections.expiresAt, nextRefreshAt: connections.nextRefreshAt },
  ...{ createdAt: connections.createdAt, updatedAt: connections.updatedAt },
  accountShared: sql<boolean>`provider_account_is_elsewhere(${connections.id})`,
};

const FIND = selectStatement(
  queryBuilder
    .select(SHOWN)
    .from(connections)
    .where(eq(connections.id, sql.placeholder('connectionId'))),
);

const LISTS = new ListStatements(({ after }) =>
  selectStatement(
    queryBuilder
      .select(SHOWN)
      .from(connections)
      .where(after && gt(connections.id, after))
      .orderBy(asc(connections.id))
      .limit(sql.placeholder('rows')),
  ),
);

async function find(tx: Transaction, connectionId: ConnectionId): Promise<Connection | null> {
  const [row] = await tx.select(SHOWN).from(connections).where(eq(connections.id, connectionId));
  return row ? toConnection(row) : null;
}

async function findSaved(tx: Transaction, connectionId: ConnectionId): Promise<Connection> {
  const saved = await find(tx, connectionId);
  if (!saved) throw new Error('the connection that was just saved is gone');
  return saved;
}

/** Keeps the time of the last change while the state stays the same. */
const sinceWhen = (state: ConnectionState) =>
  sql`case when ${connections.state} = ${state} then ${connections.stateSince} else now() end`;

const ACTIVE = { state: 'active', cause: null, nextAction: null } as const;

/** A connection that a person has suspended stays suspended until a person resumes it. */
export const stateWithNewCredentials = (before: ConnectionState | null) =>
  before === 'suspended' ? {} : { ...ACTIVE, stateSince: sinceWhen('active') };

async function upsertConnection(
  tx: Transaction,
  { connectionId, venueId, provider, environment, account, scopes }: NewApiKeyConnection,
  before: ConnectionState | null,
): Promise<Row> {
  const withKey = {
    accountName: accountNameOf(account),
    flow: null,
    scopes,
    expiresAt: null,
    nextRefreshAt: null,
  } as const;
  const [row] = await tx
    .insert(connections)
    .values({ ...ACTIVE, ...withKey, id: connectionId, venueId, provider, environment, externalAccountId: account.id })
    .onConflictDoUpdate({
      target: [connections.venueId, connections.provider, connections.environment, connections.externalAccountId],
      set: { ...withKey, ...stateWithNewCredentials(before), updatedAt: sql`now()` },
      setWhere: ne(connections.state, 'disconnecting'),
    })
    .returning();
  if (!row) throw new DisconnectingError();
  return row;
}

function toConnection({
  stateSince,
  externalAccountId,
  accountName,
  ...row
}: Row & { readonly accountShared: boolean }): Connection {
  return {
    ...row,
    since: stateSince,
    account: externalAccountId === null ? null : { id: externalAccountId, name: accountName },
  };
}
