import type { SecretRotationStore } from '../../db/connections/secret-rotation-store.ts';
import type { Sealer } from '../../vault/vault.ts';
import { VaultError } from '../../vault/vault-error.ts';
import { currentKeyOf } from '../../vault/wrapping-key.ts';
import { ApiError } from '../errors/api-error.ts';
import { endpoint } from '../http/endpoint.ts';
import type { Endpoint } from '../http/endpoint.ts';
import type { JobGateway } from '../temporal/job-gateway.ts';
import type { Log } from '../http/log.ts';
import { notFound } from '../errors/not-found.ts';
import { jobAnswer, presentJob } from '../schemas/job.ts';
import type { TemporalUi } from '../schemas/sync.ts';

export interface AdminRouteDeps {
  readonly rotations: SecretRotationStore;
  readonly jobGateway: JobGateway;
  readonly sealer: Sealer;
  readonly ui: TemporalUi;
  readonly log: Log;
}

const VAULT_RETRY_AFTER_MS = 5_000;

/** Operations that concern all venues at once. */
export function adminRoutes(deps: AdminRouteDeps): Endpoint[] {
  return [rotateKeysRoute(deps), getJobRoute(deps)];
}

function rotateKeysRoute({ rotations, jobGateway, sealer, ui, log }: AdminRouteDeps): Endpoint {
  return endpoint({
    name: 'rotateKeys',
    summary: 'Bring all stored credentials under the current key',
    description:
      'Starts a job, or finds the one that is open. The key is the one that the API seals with; docs/operations/rotate-keys.md says what to deploy first. Needs a token for all venues.',
    tag: 'Administration',
    method: 'post',
    path: '/v1/admin/keys/rotate',
    role: 'admin',
    allVenues: true,
    idempotent: true,
    answers: { 202: { description: 'Started, or at work already.', schema: jobAnswer, location: 'The job.' } },
    problems: ['vault-unavailable', 'temporal-unavailable'],
    async handle({ caller, requestId }) {
      const job = await rotations.openOrJoin({ targetKey: await currentKey(sealer), requestedBy: caller.subject });
      await jobGateway.startKeyRotation(job.id);
      // Logged, because it belongs to no venue's audit log.
      log.info({ actor: caller.subject, requestId, jobId: job.id }, 'a rotation of the vault key was asked for');
      return { status: 202, body: presentJob(job, ui), headers: { Location: `/v1/admin/jobs/${job.id}` } };
    },
  });
}

function getJobRoute({ rotations, ui }: AdminRouteDeps): Endpoint {
  return endpoint({
    name: 'getJob',
    summary: 'Read a job of the administration',
    description: 'Needs a token for all venues.',
    tag: 'Administration',
    method: 'get',
    path: '/v1/admin/jobs/{jobId}',
    role: 'admin',
    allVenues: true,
    answers: { 200: { description: 'The job.', schema: jobAnswer } },
    async handle({ ids: { jobId } }) {
      const job = await rotations.find(jobId);
      if (!job) throw notFound('job-not-found');
      return { status: 200, body: presentJob(job, ui) };
    },
  });
}

async function currentKey(sealer: Sealer): Promise<string> {
  try {
    return await currentKeyOf(sealer);
  } catch (error) {
    if (!(error instanceof VaultError) || error.kind !== 'key-service-unavailable') throw error;
    throw new ApiError('vault-unavailable', 'The key service cannot be reached.', {
      cause: error,
      retryAfterMs: VAULT_RETRY_AFTER_MS,
    });
  }
}
