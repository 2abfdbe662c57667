import { and, asc, eq, gt, isNotNull, isNull, sql } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import { v7 as uuidv7 } from 'uuid';
import type { JobId, VenueId } from '../../contracts/ids.ts';
import type { SealedSecret, SecretPurpose, SecretRef } from '../../contracts/vault.ts';
import type { AuditStore } from '../core/audit-store.ts';
import { adminJobs } from '../schema/runs/admin-jobs.ts';
import { subscriptionSecrets } from '../schema/outgoing/subscription-secrets.ts';
import { oauthTokens } from '../schema/connections/oauth-tokens.ts';
import { venueApiKeys } from '../schema/connections/venue-api-keys.ts';
import { venues } from '../schema/venues.ts';
import { webhookEndpoints } from '../schema/webhooks/webhook-endpoints.ts';
import { withReach, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

export type RotationJob = typeof adminJobs.$inferSelect;

export type StoredSecret = SecretRef & {
  /** What orders the secrets of one purpose: the connection's id, or the id of the secret itself. */
  readonly key: string;
  readonly sealed: SealedSecret;
};

export type ResealedSecret = StoredSecret & { readonly resealed: SealedSecret };

const { subscriptionId } = subscriptionSecrets;

/** The columns of the secrets that a rotation covers, in the tables of what they belong to. */
const SECRETS: Readonly<Record<SecretPurpose, SecretColumns>> = {
  'provider-api-key': {
    ...{ table: venueApiKeys, venueId: venueApiKeys.venueId, key: venueApiKeys.connectionId },
    ...{ owner: { connectionId: venueApiKeys.connectionId }, sealed: venueApiKeys.sealedKey, field: 'sealedKey' },
  },
  'provider-oauth-tokens': {
    ...{ table: oauthTokens, venueId: oauthTokens.venueId, key: oauthTokens.connectionId },
    ...{ owner: { connectionId: oauthTokens.connectionId }, sealed: oauthTokens.sealedTokens, field: 'sealedTokens' },
  },
  'provider-webhook-secrets': {
    ...{ table: webhookEndpoints, venueId: webhookEndpoints.venueId, key: webhookEndpoints.connectionId },
    ...{ owner: { connectionId: webhookEndpoints.connectionId } },
    ...{ sealed: webhookEndpoints.sealedSecrets, field: 'sealedSecrets' },
  },
  'webhook-signing-secret': {
    ...{ table: subscriptionSecrets, venueId: subscriptionSecrets.venueId, key: subscriptionSecrets.id },
    ...{ owner: { subscriptionId }, sealed: subscriptionSecrets.sealedSecret, field: 'sealedSecret' },
  },
};

interface SecretColumns {
  readonly table: typeof venueApiKeys | typeof oauthTokens | typeof webhookEndpoints | typeof subscriptionSecrets;
  readonly venueId: AnyPgColumn;
  readonly key: AnyPgColumn;
  readonly owner: { readonly connectionId: AnyPgColumn } | { readonly subscriptionId: AnyPgColumn };
  readonly sealed: AnyPgColumn;
  /** Name of `sealed` in the code. */
  readonly field: string;
}

export const ROTATED_PURPOSES = Object.keys(SECRETS) as readonly SecretPurpose[];

export interface SecretPage {
  readonly purpose: SecretPurpose;
  /** The `key` of the last secret of the page before; null for the first page. */
  readonly after: string | null;
  readonly limit: number;
}

/** What a secret belongs to, as the audit log names it. */
export const secretTarget = (secret: SecretRef) =>
  secret.purpose === 'webhook-signing-secret'
    ? ({ targetType: 'subscription', targetId: secret.subscriptionId } as const)
    : ({ targetType: 'connection', targetId: secret.connectionId } as const);

/** Outcome of a page of venues. */
export interface PageOutcome {
  readonly lastVenueId: VenueId;
  readonly venues: number;
  readonly unreadable: readonly SecretRef[];
}

/** Jobs that reseal all stored secrets under another key, and their progress through the venues. */
export interface SecretRotationStore {
  /** Opens a job, or returns the open one: there is one at a time. */
  openOrJoin(job: { readonly targetKey: string; readonly requestedBy: string }): Promise<RotationJob>;
  find(jobId: JobId): Promise<RotationJob | null>;
  /** Marks the job as running, and counts the secrets the first time. Null when it is finished or unknown. */
  begin(jobId: JobId): Promise<RotationJob | null>;
  setPhase(jobId: JobId, phase: 'running' | 'waiting', errorType: string | null): Promise<void>;
  /** Ids of all venues, oldest first. */
  listVenues(after: VenueId | null, limit: number): Promise<readonly VenueId[]>;
  /** A page of the venue's secrets of one purpose, in the order of their `key`. */
  listSecrets(venueId: VenueId, page: SecretPage): Promise<readonly StoredSecret[]>;
  /**
   * Stores resealed secrets, except those replaced meanwhile, with their audit rows and the job's count, in one
   * transaction.
   */
  replace(job: Pick<RotationJob, 'id'>, venueId: VenueId, secrets: readonly ResealedSecret[]): Promise<void>;
  /** Moves the job past a page. Does nothing when another attempt was faster. */
  passPage(job: RotationJob, page: PageOutcome): Promise<void>;
  /** Ends the pass of `job`, which has covered all venues, and starts the next. */
  nextPass(job: RotationJob): Promise<void>;
  finish(
    jobId: JobId,
    outcome: NonNullable<RotationJob['outcome']>,
    errorType: string | null,
  ): Promise<RotationJob | null>;
}

/** Number of unreadable secrets that the job shows; the audit rows have them all. */
const MAX_SHOWN = 20;

export function createSecretRotationStore(db: Database, audit: AuditStore): SecretRotationStore {
  // Jobs belong to no venue: their table has no row-level security and needs no scope.
  const update = async (
    jobId: JobId,
    changes: Parameters<ReturnType<typeof db.update<typeof adminJobs>>['set']>[0],
  ) => {
    const [row] = await db
      .update(adminJobs)
      .set({ ...changes, updatedAt: sql`now()` })
      .where(and(eq(adminJobs.id, jobId), isNull(adminJobs.finishedAt)))
      .returning();
    return row ?? null;
  };
  const find = async (jobId: JobId) => (await db.select().from(adminJobs).where(eq(adminJobs.id, jobId)))[0] ?? null;
  return {
    find,
    openOrJoin: (job) => openOrJoin(db, job),

    async begin(jobId) {
      const job = await update(jobId, {
        phase: 'running',
        errorType: null,
        startedAt: sql`coalesce(${adminJobs.startedAt}, now())`,
      });
      return job?.venuesTotal === null ? update(jobId, { venuesTotal: await countVenues(db) }) : job;
    },

    async setPhase(jobId, phase, errorType) {
      await update(jobId, { phase, errorType });
    },

    listVenues: (after, limit) =>
      withReach(db, '*', async (tx) => {
        const rows = await tx
          .select({ id: venues.id })
          .from(venues)
          .where(after === null ? undefined : gt(venues.id, after))
          .orderBy(asc(venues.id))
          .limit(limit);
        return rows.map(({ id }) => id);
      }),

    listSecrets: (venueId, page) => withVenue(db, venueId, (tx) => listSecrets(tx, venueId, page)),

    replace: ({ id }, venueId, secrets) =>
      withVenue(db, venueId, async (tx) => {
        let replaced = 0;
        for (const secret of secrets) {
          if (!(await swap(tx, secret))) continue;
          replaced += 1;
          await audit.recordIn(tx, {
            venueId,
            actor: 'rotateVaultKeys',
            action: 'credentials.resealed',
            ...secretTarget(secret),
            outcome: 'ok',
            requestId: null,
            details: { jobId: id, purpose: secret.purpose },
          });
        }
        // Comes last, because every venue's transaction waits for this row.
        const counts = {
          resealed: sql`${adminJobs.resealed} + ${replaced}`,
          resealedInPass: sql`${adminJobs.resealedInPass} + ${secrets.length}`,
        };
        await tx
          .update(adminJobs)
          .set({ ...counts, updatedAt: sql`now()` })
          .where(eq(adminJobs.id, id));
      }),

    async passPage(job, { lastVenueId, venues: passed, unreadable }) {
      const shown = [...job.unreadable, ...unreadable].slice(0, MAX_SHOWN);
      await db
        .update(adminJobs)
        .set({
          afterVenueId: lastVenueId,
          venuesDone: sql`${adminJobs.venuesDone} + ${passed}`,
          unreadableInPass: sql`${adminJobs.unreadableInPass} + ${unreadable.length}`,
          unreadable: shown,
          updatedAt: sql`now()`,
        })
        .where(isWhere(job));
    },

    async nextPass(job) {
      const none = { afterVenueId: null, venuesDone: 0, resealedInPass: 0, unreadableInPass: 0, unreadable: [] };
      await db
        .update(adminJobs)
        .set({ ...none, pass: job.pass + 1, updatedAt: sql`now()` })
        .where(isWhere(job));
    },

    async finish(jobId, outcome, errorType) {
      // A repeated attempt finds the job finished.
      return (await update(jobId, { phase: 'finished', outcome, errorType, finishedAt: sql`now()` })) ?? find(jobId);
    },
  };
}

/** True while the job is still where this attempt read it. */
const isWhere = ({ id, pass, afterVenueId }: RotationJob) =>
  and(
    eq(adminJobs.id, id),
    eq(adminJobs.pass, pass),
    sql`${adminJobs.afterVenueId} is not distinct from ${afterVenueId}`,
    isNull(adminJobs.finishedAt),
  );

function countVenues(db: Database): Promise<number> {
  return withReach(db, '*', (tx) => tx.$count(venues));
}

async function openOrJoin(
  db: Database,
  { targetKey, requestedBy }: { readonly targetKey: string; readonly requestedBy: string },
): Promise<RotationJob> {
  const kind = 'rotate-vault-keys';
  for (;;) {
    const [opened] = await db
      .insert(adminJobs)
      .values({ id: uuidv7() as JobId, kind, targetKey, requestedBy })
      .onConflictDoNothing()
      .returning();
    if (opened) return opened;
    const [open] = await db
      .select()
      .from(adminJobs)
      .where(and(eq(adminJobs.kind, kind), isNull(adminJobs.finishedAt)));
    // Otherwise the job has just finished, so the next one is opened.
    if (open) return open;
  }
}

async function listSecrets(
  tx: Transaction,
  venueId: VenueId,
  { purpose, after, limit }: SecretPage,
): Promise<StoredSecret[]> {
  const { table, venueId: venue, key, owner, sealed } = SECRETS[purpose];
  const rows = await tx
    .select({ key, ...owner, sealed })
    .from(table)
    .where(and(isNotNull(sealed), eq(venue, venueId), after === null ? undefined : gt(key, after)))
    .orderBy(asc(key))
    .limit(limit);
  return rows.map((row) => ({ ...row, venueId, purpose }) as StoredSecret);
}

/**
 * Returns false when the secret was replaced since it was resealed. Its generation stays, because the key or token is
 * the same.
 */
async function swap(tx: Transaction, { purpose, key, sealed, resealed }: ResealedSecret): Promise<boolean> {
  const columns = SECRETS[purpose];
  const swapped = await tx
    .update(columns.table as typeof subscriptionSecrets)
    .set({ [columns.field]: resealed })
    .where(and(eq(columns.key, key), eq(columns.sealed, sealed)))
    .returning({ key: columns.key });
  return swapped.length === 1;
}
