import { Context } from '@temporalio/activity';
import type { SyncId } from '../../contracts/ids.ts';
import type { MappingTrial, MappingTrialActivities, MappingVersionRef, NotTried } from '../../contracts/mappings.ts';
import type { ConnectionStore } from '../../db/connections/connection-store.ts';
import type { MappingStore } from '../../db/mappings/mapping-store.ts';
import type { PushStore } from '../../db/push/push-store.ts';
import type { RunScope } from '../../db/runs/run-scope.ts';
import { createFieldMapping } from '../../domain/mapping/field-mapping.ts';
import { updateKey } from '../../domain/sync/push/idempotency-key.ts';
import { clearedMetadataKeys } from '../../domain/sync/push/metadata-keys.ts';
import type { Expressions } from '../../expressions/expressions.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderErrorKind } from '../../providers/provider-error.ts';
import type { Providers } from '../../providers/providers.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { Credentials } from '../connections/credentials.ts';
import { mapRows } from '../sync/mapped-rows.ts';
import { planPush } from '../sync/push-record.ts';
import type { ReachStore } from '../../db/connections/reach-store.ts';
import { mappingWithin } from '../sync/reach.ts';
import type { PushWork } from '../sync/push-record.ts';

export interface MappingTrialDeps {
  readonly reach: Pick<ReachStore, 'excludedFields'>;
  readonly mappings: MappingStore;
  readonly connections: Pick<ConnectionStore, 'find'>;
  readonly pushes: Pick<PushStore, 'readPage'>;
  readonly expressions: Pick<Expressions, 'evaluate'>;
  readonly credentials: Credentials;
  readonly providers: Providers;
  readonly kinds: RecordKinds;
}

/** Records among which one is looked for that the mapping changes. */
const LOOKED_AT = 100;
/** A scope without a run: what is read for a trial belongs to none. */
const NO_RUN = '00000000-0000-0000-0000-000000000000' as SyncId;

export function createMappingTrialActivities(deps: MappingTrialDeps): MappingTrialActivities {
  return { tryMappingVersion: (input) => tryVersion(deps, input) };
}

/**
 * Sends one record to the provider as the mapping makes it: one that the provider has and that the mapping changes,
 * which the next push would send likewise, under the same idempotency key. Without such a record, or while the resource
 * has never been pushed, this service's own checks are all.
 */
async function tryVersion(deps: MappingTrialDeps, input: MappingVersionRef): Promise<MappingTrial> {
  const works = await planned(deps, input);
  const work = works.find(isChanging) ?? works.find(({ decision }) => decision === 'reject') ?? null;
  if (work === null) return notTried('nothing-to-try');
  if (work.decision === 'reject')
    return { ...ofRecord(work), outcome: 'refused', problems: work.mapped.problems.slice(0, MAX_PROBLEMS) };
  if (!(await deps.mappings.usedDirections(input)).includes('push')) return notTried('only-read');
  try {
    await send(deps, input, work);
    return { ...ofRecord(work), outcome: 'accepted' };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return afterError(error, work);
  }
}

const MAX_PROBLEMS = 20;

async function planned(deps: MappingTrialDeps, input: MappingVersionRef): Promise<readonly PushWork[]> {
  const adapter = deps.providers.find(input.provider);
  const stored = await deps.mappings.findVersion(input, input.version);
  if (!adapter || !stored) return [];
  const connection = await deps.connections.find(input);
  if (!connection?.account) return [];
  const { environment, account } = connection;
  const scope: RunScope = {
    ...{ ...input, syncId: NO_RUN, fence: 0, direction: 'push', mode: 'full' },
    account: { provider: input.provider, environment, externalAccountId: account.id },
  };
  const rows = await deps.pushes.readPage(scope, { after: null, limit: LOOKED_AT, newestDeletionEpochUs: null });
  const kind = deps.kinds.get(input.resource);
  const fieldMapping = createFieldMapping(kind, stored.version, stored.definition);
  const excluded = await deps.reach.excludedFields(input);
  const mapping = mappingWithin(adapter.mapping(input.resource), { kind, excluded });
  const mapped = await mapRows(rows, { fieldMapping, expressions: deps.expressions });
  return mapped.map((row) => planPush(row, mapping, Date.now()));
}

const isChanging = ({ decision, row }: PushWork) =>
  row.link?.state === 'linked' && (decision === 'update' || decision === 'reject');

async function send(deps: MappingTrialDeps, input: MappingVersionRef, work: PushWork): Promise<void> {
  const { row, mapped, fingerprint } = work;
  const { account, credential } = await deps.credentials.open(input);
  const session = deps.providers.open(input.provider, {
    ...credential,
    account,
    lane: 'interactive',
    signal: Context.current().cancellationSignal,
  });
  const identity = {
    ...{ connectionId: input.connectionId, recordId: row.id, recordVersion: row.version },
    attempt: row.link?.writeAttempt ?? 0,
  };
  await session.resource(input.resource).writer?.update(row.link?.externalId ?? '', mapped, {
    idempotencyKey: updateKey(identity, fingerprint),
    clearedMetadataKeys: await metadataKeysToClear(deps, input, work),
    externalState: row.link?.externalState ?? null,
  });
}

async function metadataKeysToClear({ reach }: MappingTrialDeps, input: MappingVersionRef, { row }: PushWork) {
  const leavesMetadata = (await reach.excludedFields(input)).includes('metadata');
  return leavesMetadata ? [] : clearedMetadataKeys(row.fields, row.link?.metadataKeys ?? []);
}

const REASONS: Readonly<Record<ProviderErrorKind, NotTried>> = {
  'needs-reauth': 'access-refused',
  rejected: 'access-refused',
  'rate-limited': 'rate-limited',
  'quota-exhausted': 'rate-limited',
  conflict: 'unavailable',
  unavailable: 'unavailable',
  'unexpected-response': 'unavailable',
};

function afterError({ details }: ProviderError, work: PushWork): MappingTrial {
  const { kind, httpStatus = null, code = null, field } = details;
  // 403 refuses the account and 404 tells that the object is gone: neither is about what the mapping makes of it.
  if (kind !== 'rejected' || httpStatus === 403 || httpStatus === 404) return notTried(REASONS[kind]);
  const message = `The provider refuses it${code === null ? '' : `: ${code}`} (http ${httpStatus ?? 'none'}).`;
  return { ...ofRecord(work), outcome: 'refused', code, httpStatus, problems: [{ path: field ?? '', message }] };
}

const NOTHING_TOLD = { reason: null, recordId: null, code: null, httpStatus: null, problems: [] } as const;
const notTried = (reason: NotTried): MappingTrial => ({ ...NOTHING_TOLD, outcome: 'not-tried', reason });
const ofRecord = ({ row }: PushWork) => ({ ...NOTHING_TOLD, recordId: row.id });
