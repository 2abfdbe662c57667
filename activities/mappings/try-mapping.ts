import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { SyncId } from '../../contracts/ids.ts';
import type { MappingTrial, MappingTrialActivities, MappingVersionRef, NotTried } from '../../contracts/mappings.ts';
import type { ConnectionStore } from '../../db/connections/connection-store.ts';
import type { ReachStore } from '../../db/connections/reach-store.ts';
import type { MappingStore } from '../../db/mappings/mapping-store.ts';
import type { PushStore } from '../../db/push/push-store.ts';
import type { RunScope } from '../../db/runs/run-scope.ts';
import { createFieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { Expressions } from '../../expressions/expressions.ts';
import { ProviderError, refusesAccount } from '../../providers/provider-error.ts';
import type { ProviderErrorKind } from '../../providers/provider-error.ts';
import type { ResourceMapping } from '../../providers/provider.ts';
import type { Providers } from '../../providers/providers.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { Credentials } from '../connections/credentials.ts';
import { mapRows } from '../sync/push/mapped-rows.ts';
import { planPush, updateOptionsOf } from '../sync/push/push-work.ts';
import type { PushWork } from '../sync/push/push-work.ts';
import { fieldMappingWithin, mappingWithin } from '../sync/reach.ts';

export interface MappingTrialDeps {
  readonly mappings: MappingStore;
  readonly connections: Pick<ConnectionStore, 'find'>;
  readonly pushes: Pick<PushStore, 'readPage'>;
  readonly expressions: Pick<Expressions, 'evaluate'>;
  readonly reach: Pick<ReachStore, 'find'>;
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
  const plan = await planOf(deps, input);
  if (plan === null) return notTried('nothing-to-try');
  const { works } = plan;
  const work = works.find(isChanging) ?? works.find(({ decision }) => decision === 'reject') ?? null;
  if (work === null) return notTried('nothing-to-try');
  if (work.decision === 'reject')
    return { ...ofRecord(work), outcome: 'refused', problems: work.mapped.problems.slice(0, MAX_PROBLEMS) };
  if (!(await deps.mappings.usedDirections(input)).includes('push')) return notTried('only-read');
  try {
    await send(deps, work, plan);
    return { ...ofRecord(work), outcome: 'accepted' };
  } catch (error) {
    if (isScopesMissing(error)) return notTried('access-refused');
    if (!(error instanceof ProviderError)) throw error;
    return afterError(error, work);
  }
}

const isScopesMissing = (error: unknown) => error instanceof ApplicationFailure && error.type === FAILURE.scopesMissing;

const MAX_PROBLEMS = 20;

/** What a push would do with the first records under the mapping. */
interface TrialPlan {
  readonly works: readonly PushWork[];
  readonly scope: RunScope;
  readonly mapping: ResourceMapping;
}

async function planOf(deps: MappingTrialDeps, input: MappingVersionRef): Promise<TrialPlan | null> {
  const adapter = deps.providers.find(input.provider);
  const stored = await deps.mappings.findVersion(input, input.version);
  if (!adapter || !stored) return null;
  const connection = await deps.connections.find(input);
  if (!connection?.account) return null;
  const { environment, account } = connection;
  const scope: RunScope = {
    ...{ ...input, syncId: NO_RUN, fence: 0, direction: 'push', mode: 'full' },
    account: { provider: input.provider, environment, externalAccountId: account.id },
  };
  const rows = await deps.pushes.readPage(scope, { after: null, limit: LOOKED_AT, newestDeletionEpochUs: null });
  const kind = deps.kinds.get(input.resource);
  const { excludedFields: excluded, zones } = await deps.reach.find(input);
  const reach = { kind, excluded };
  const own = adapter.mapping(input.resource);
  const fieldMapping = fieldMappingWithin(createFieldMapping(kind, stored, own.holdings), reach);
  const mapping = mappingWithin(own, { ...reach, zones });
  const mapped = await mapRows(rows, { fieldMapping, expressions: deps.expressions });
  return { works: mapped.map((row) => planPush(row, mapping, Date.now())), scope, mapping };
}

const isChanging = ({ decision, row }: PushWork) =>
  row.link?.state === 'linked' && (decision === 'update' || decision === 'reject');

async function send(deps: MappingTrialDeps, work: PushWork, { scope, mapping }: TrialPlan): Promise<void> {
  const { account, credential } = await deps.credentials.open(scope, scope);
  const session = deps.providers.open(scope.provider, {
    ...credential,
    account,
    lane: 'interactive',
    signal: Context.current().cancellationSignal,
  });
  const { writer } = session.resource(scope.resource);
  await writer?.update(work.row.link?.externalId ?? '', work.mapped, updateOptionsOf(work, { scope, mapping }));
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

function afterError(error: ProviderError, work: PushWork): MappingTrial {
  const { kind, httpStatus = null, code = null, field } = error.details;
  // A refused account and an object that is gone (404): neither is about what the mapping makes of it.
  if (kind !== 'rejected' || refusesAccount(error) || httpStatus === 404) return notTried(REASONS[kind]);
  const message = `The provider refuses it${code === null ? '' : `: ${code}`} (http ${httpStatus ?? 'none'}).`;
  return { ...ofRecord(work), outcome: 'refused', code, httpStatus, problems: [{ path: field ?? '', message }] };
}

const NOTHING_TOLD = { reason: null, recordId: null, code: null, httpStatus: null, problems: [] } as const;
const notTried = (reason: NotTried): MappingTrial => ({ ...NOTHING_TOLD, outcome: 'not-tried', reason });
const ofRecord = ({ row }: PushWork) => ({ ...NOTHING_TOLD, recordId: row.id });
