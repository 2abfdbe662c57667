import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { VenueId } from '../../contracts/ids.ts';
import type {
  FinishRotationInput,
  KeyRotationActivities,
  RotateVaultKeysInput,
  RotationChunkResult,
  RotationProgress,
  SecretRef,
} from '../../contracts/vault.ts';
import type { AuditStore } from '../../db/core/audit-store.ts';
import { ROTATED_PURPOSES, secretTarget } from '../../db/connections/secret-rotation-store.ts';
import type {
  ResealedSecret,
  RotationJob,
  SecretRotationStore,
  StoredSecret,
} from '../../db/connections/secret-rotation-store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Resealer } from '../../vault/resealer.ts';
import { VaultError } from '../../vault/vault-error.ts';
import { guarded, interrupted } from '../failures.ts';

export interface KeyRotationDeps {
  readonly rotations: SecretRotationStore;
  readonly resealer: Resealer;
  readonly audit: AuditStore;
  readonly log: Logger;
  /** How long one chunk works before it returns to the workflow. */
  readonly chunkMs: number;
}

const VENUES_AT_ONCE = 100;
/**
 * Concurrent lanes. Each mostly waits for the key service: about 20 secrets a second per lane, far below a region's
 * limit of thousands of calls.
 */
const LANES = 8;

/**
 * Reseals stored secrets under the current key, venue by venue. The cursor in Postgres is authoritative: a repeated
 * attempt continues from it.
 */
export function createKeyRotationActivities(deps: KeyRotationDeps): KeyRotationActivities {
  return {
    beginKeyRotation: (input) => guarded(() => begin(deps, input)),
    rotateKeysChunk: (input) => guarded(() => rotateChunk(deps, input)),
    parkKeyRotation: ({ jobId, errorType }) => guarded(() => deps.rotations.setPhase(jobId, 'waiting', errorType)),
    finishKeyRotation: (input) => guarded(() => finish(deps, input)),
  };
}

async function begin({ rotations }: KeyRotationDeps, { jobId }: RotateVaultKeysInput): Promise<RotationProgress> {
  return progressOf(known(await rotations.begin(jobId)));
}

async function rotateChunk(deps: KeyRotationDeps, { jobId }: RotateVaultKeysInput): Promise<RotationChunkResult> {
  const deadlineMs = performance.now() + deps.chunkMs;
  const { cancellationSignal } = Context.current();
  let job = known(await deps.rotations.begin(jobId));
  if ((await deps.resealer.currentKey()) !== job.targetKey) {
    throw ApplicationFailure.create({
      type: FAILURE.otherKey,
      message:
        'this worker has another current key than the rotation: deploy it with the key of the job, or cancel the job',
    });
  }
  for (;;) {
    const venues = await deps.rotations.listVenues(job.afterVenueId, VENUES_AT_ONCE);
    const lastVenueId = venues.at(-1);
    if (lastVenueId === undefined) return endPass(deps, job);
    const outcomes = await inLanes(venues, (venueId) => rotateVenue(deps, job, venueId));
    await deps.rotations.passPage(job, {
      lastVenueId,
      venues: venues.length,
      unreadable: outcomes.flat(),
    });
    job = known(await deps.rotations.find(jobId));
    Context.current().heartbeat(progressOf(job));
    if (cancellationSignal.aborted) throw interrupted();
    if (performance.now() > deadlineMs) return { ...progressOf(job), status: 'more' };
  }
}

async function endPass({ rotations }: KeyRotationDeps, job: RotationJob): Promise<RotationChunkResult> {
  if (job.resealedInPass === 0) return { ...progressOf(job), status: 'done' };
  await rotations.nextPass(job);
  return { ...progressOf(job), status: 'pass-ended' };
}

/**
 * Secrets read at once, so that a venue with very many connections neither fills the memory nor holds the job's row for
 * long.
 */
const SECRETS_AT_ONCE = 50;

/** Returns the secrets that cannot be opened. */
async function rotateVenue(deps: KeyRotationDeps, job: RotationJob, venueId: VenueId): Promise<readonly SecretRef[]> {
  const unreadable: SecretRef[] = [];
  for await (const secrets of pagesOfSecrets(deps, venueId)) {
    const done: ResealedSecret[] = [];
    for (const secret of secrets) {
      const outcome = await reseal(deps, secret);
      if (outcome === 'unreadable') unreadable.push(refOf(secret));
      else if (outcome) done.push(outcome);
    }
    if (done.length > 0) await deps.rotations.replace(job, venueId, done);
    Context.current().heartbeat(progressOf(job));
  }
  for (const secret of unreadable) await noteUnreadable(deps, job, secret);
  return unreadable;
}

async function* pagesOfSecrets(
  { rotations }: KeyRotationDeps,
  venueId: VenueId,
): AsyncGenerator<readonly StoredSecret[]> {
  for (const purpose of ROTATED_PURPOSES) {
    for (let after: string | null = null, full = true; full;) {
      const page: readonly StoredSecret[] = await rotations.listSecrets(venueId, {
        purpose,
        after,
        limit: SECRETS_AT_ONCE,
      });
      if (page.length > 0) yield page;
      after = page.at(-1)?.key ?? null;
      full = page.length === SECRETS_AT_ONCE;
    }
  }
}

/** Returns null when there is nothing to do. A secret that cannot be opened does not stop the others. */
async function reseal(
  { resealer }: KeyRotationDeps,
  secret: StoredSecret,
): Promise<ResealedSecret | 'unreadable' | null> {
  try {
    const resealed = await resealer.reseal(secret.sealed, refOf(secret));
    return resealed && { ...secret, resealed };
  } catch (error) {
    if (error instanceof VaultError && error.kind === 'cannot-open') return 'unreadable';
    throw error;
  }
}

const refOf = (secret: SecretRef): SecretRef =>
  secret.purpose === 'webhook-signing-secret'
    ? { venueId: secret.venueId, subscriptionId: secret.subscriptionId, purpose: secret.purpose }
    : { venueId: secret.venueId, connectionId: secret.connectionId, purpose: secret.purpose };

async function noteUnreadable(
  { audit, log }: KeyRotationDeps,
  { id, pass }: RotationJob,
  secret: SecretRef,
): Promise<void> {
  const { venueId, purpose } = secret;
  log.warn({ jobId: id, ...secret }, 'a stored secret cannot be opened');
  // Logged in the first pass only, since every pass finds it again.
  if (pass > 1) return;
  await audit.record({
    venueId,
    actor: 'rotateVaultKeys',
    action: 'credentials.resealed',
    ...secretTarget(secret),
    outcome: 'failed',
    requestId: null,
    details: { jobId: id, purpose },
  });
}

async function finish(
  { rotations, log }: KeyRotationDeps,
  { jobId, end, errorType }: FinishRotationInput,
): Promise<RotationProgress> {
  const job = await rotations.finish(jobId, end, errorType);
  if (!job) throw gone();
  log.info(
    { jobId, outcome: job.outcome, resealed: job.resealed, unreadable: job.unreadableInPass },
    'the rotation of the vault key has ended',
  );
  return progressOf(job);
}

function known(job: RotationJob | null): RotationJob {
  if (!job || job.finishedAt) throw gone();
  return job;
}

const gone = () =>
  ApplicationFailure.nonRetryable('the job is gone or finished: start another by the API', FAILURE.runUnavailable);

function progressOf({ pass, venuesDone, venuesTotal, resealed, unreadableInPass }: RotationJob): RotationProgress {
  return { pass, venuesDone, venuesTotal, resealed, unreadable: unreadableInPass };
}

/** Runs a few tasks at a time. On the first failure it starts no more, waits for running ones, then throws. */
async function inLanes<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const waiting = [...items];
  const results: Result[] = [];
  const lanes = Array.from({ length: LANES }, async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        results.push(await work(item));
      } catch (error) {
        waiting.length = 0;
        throw error;
      }
    }
  });
  const failed = (await Promise.allSettled(lanes)).find((lane) => lane.status === 'rejected');
  if (failed) throw failed.reason;
  return results;
}
