import { z } from 'zod';
import { rotateVaultKeysWorkflowId } from '../../contracts/vault.ts';
import type { RotationJob } from '../../db/connections/secret-rotation-store.ts';
import { orNull, timestamp } from './common.ts';
import type { TemporalUi } from './sync.ts';

/** How a piece of work of the service's own has ended. */
export const jobOutcome = z.enum(['completed', 'cancelled', 'failed']).meta({ id: 'JobOutcome' });

const count = z.int().min(0);

export const jobAnswer = z
  .object({
    id: z.uuid(),
    kind: z.enum(['rotate-vault-keys']),
    phase: z
      .enum(['queued', 'running', 'waiting', 'finished'])
      .meta({ description: '`waiting`: what it waits for is in `errorType`; it goes on by itself.' }),
    outcome: orNull(jobOutcome).meta({
      description:
        'Null until it is finished. `completed` also when some secrets cannot be opened: see `progress.unreadable`.',
    }),
    errorType: z.string().nullable(),
    targetKey: z
      .string()
      .meta({ description: 'Name of the key that every stored secret comes under: the ARN of a KMS key.' }),
    requestedBy: z.string(),
    progress: z.object({
      pass: z.int().min(1).meta({
        description:
          'Times that all venues have been walked, the one under way included. The last one finds nothing to do.',
      }),
      venuesDone: count.meta({ description: 'In this pass.' }),
      venuesTotal: count.nullable().meta({ description: 'When the job began.' }),
      resealed: count.meta({ description: 'Secrets brought under the key, in all passes.' }),
      unreadable: count.meta({
        description: 'Secrets that cannot be opened with any key of the worker, in this pass.',
      }),
    }),
    unreadable: z
      .array(
        z.object({
          venueId: z.uuid(),
          connectionId: z.uuid().optional().meta({ description: 'Of credentials.' }),
          subscriptionId: z.uuid().optional().meta({ description: 'Of a secret that signs outgoing webhooks.' }),
          purpose: z.enum([
            'provider-api-key',
            'provider-oauth-tokens',
            'provider-webhook-secrets',
            'webhook-signing-secret',
          ]),
        }),
      )
      .meta({
        description:
          'The first 20 of them. Their connections have to be connected again, and the secrets of their subscriptions rolled.',
      }),
    temporalUrl: z.string().nullable().meta({ description: 'The job in the Temporal Web UI.' }),
    createdAt: timestamp,
    startedAt: timestamp.nullable(),
    updatedAt: timestamp,
    finishedAt: timestamp.nullable(),
  })
  .meta({ id: 'Job' });

export function presentJob(job: RotationJob, { baseUrl, namespace }: TemporalUi): z.input<typeof jobAnswer> {
  const {
    id,
    kind,
    phase,
    outcome,
    errorType,
    targetKey,
    requestedBy,
    pass,
    venuesDone,
    venuesTotal,
    resealed,
    unreadableInPass,
  } = job;
  return {
    id,
    kind,
    phase,
    outcome,
    errorType,
    targetKey,
    requestedBy,
    progress: { pass, venuesDone, venuesTotal, resealed, unreadable: unreadableInPass },
    unreadable: job.unreadable.map((secret) => ({ ...secret })),
    temporalUrl:
      baseUrl === null
        ? null
        : `${baseUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(rotateVaultKeysWorkflowId(id))}`,
    createdAt: job.createdAt.toISOString(),
    startedAt: job.startedAt?.toISOString() ?? null,
    updatedAt: job.updatedAt.toISOString(),
    finishedAt: job.finishedAt?.toISOString() ?? null,
  };
}
