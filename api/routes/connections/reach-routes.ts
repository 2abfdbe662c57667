import type { Connection, ConnectionStore } from '../../../db/connections/connection-store.ts';
import type { ReachRef, ReachStore } from '../../../db/connections/reach-store.ts';
import { exclusionProblem } from '../../../domain/reach/field-reach.ts';
import type { Providers } from '../../../providers/providers.ts';
import type { RecordKind } from '../../../records/record-kind.ts';
import type { RecordKinds } from '../../../records/registry.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { FieldError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Answer, Endpoint } from '../../http/endpoint.ts';
import type { Sent } from '../../http/parse.ts';
import { pageOf } from '../../schemas/common.ts';
import { excludedField, presentUnknownField, reachAnswer, reachBody, unknownFieldAnswer } from '../../schemas/reach.ts';

export interface ReachRouteDeps {
  readonly connections: ConnectionStore;
  readonly kinds: RecordKinds;
  readonly providers: Providers;
  readonly reach: ReachStore;
  readonly audit: AuditTrail;
}

const PATH = '/v1/venues/{venueId}/connections/{connectionId}/reach/{resource}';

export function reachRoutes(deps: ReachRouteDeps): Endpoint[] {
  return [getRoute(deps), putRoute(deps), unknownFieldsRoute(deps)].map((route) => ({
    ...route,
    pathWords: { ...route.pathWords, resource: deps.kinds.names },
    notFound: { ...route.notFound, resource: 'reach-not-found' },
  }));
}

function getRoute(deps: ReachRouteDeps): Endpoint {
  return endpoint({
    name: 'getReach',
    summary: 'Read what of a resource a connection leaves out',
    tag: 'Connections',
    method: 'get',
    path: PATH,
    role: 'viewer',
    answers: { 200: { description: 'What is left out.', schema: reachAnswer } },
    problems: ['resource-not-supported'],
    async handle({ ids }) {
      await connectionOf(deps, ids);
      return present(deps, ids);
    },
  });
}

function putRoute(deps: ReachRouteDeps): Endpoint {
  return endpoint({
    name: 'putReach',
    summary: 'Leave fields or earlier history of a resource out',
    description:
      'A pull stores nothing of fields that are left out, and a push neither sends nor clears them at the provider. Of what began before `historyFrom`, a pull stores nothing that is not stored already. It holds from the next piece of work on: a run that is under way takes it up within three minutes. What is stored already stays. The next scheduled pull is a full pass, which brings what is no longer left out; after an earlier `historyFrom` any next pull is. What the body does not name stays as it is.',
    tag: 'Connections',
    method: 'put',
    path: PATH,
    role: 'admin',
    body: reachBody,
    rules: ({ resource }, sent) => wrongExclusions(deps.kinds.get(resource), sent),
    answers: { 200: { description: 'What is left out from now on.', schema: reachAnswer } },
    problems: ['resource-not-supported', 'fields-not-excludable', 'history-not-limitable'],
    async handle({ ids, body, caller, requestId }) {
      const connection = await connectionOf(deps, ids);
      const stored = await deps.reach.find(ids);
      const { excludedFields = stored.excludedFields, historyFrom = stored.historyFrom } = body;
      if (historyFrom !== null) requireDated(deps.providers, connection, ids.resource);
      if (excludedFields.length > 0) requireExcludable(deps.providers, connection, ids.resource);
      await deps.reach.change(
        ids,
        { excludedFields, historyFrom },
        deps.audit.entry({ caller, requestId }, ids.venueId, {
          action: 'connection.reach-changed',
          targetType: 'connection',
          targetId: ids.connectionId,
          details: {
            resource: ids.resource,
            excluded: excludedFields.join(' ').slice(0, MAX_DETAIL_LENGTH),
            ...(historyFrom !== null && { historyFrom }),
          },
        }),
      );
      return present(deps, ids);
    },
  });
}

function unknownFieldsRoute(deps: ReachRouteDeps): Endpoint {
  return endpoint({
    name: 'listUnknownFields',
    summary: 'List fields of the provider’s objects that Interlock has no meaning for, first seen first',
    description:
      'Up to a hundred: custom fields, and fields whose value is none that Interlock knows. Pulls note them, dry runs do not. A custom field that a full pull no longer meets has `vanishedAt`. `custom-field.changed` and `unknown-field.found` announce them.',
    tag: 'Connections',
    method: 'get',
    path: `${PATH}/unknown-fields`,
    role: 'viewer',
    answers: { 200: { description: 'All of them.', schema: pageOf('UnknownField', unknownFieldAnswer) } },
    problems: ['resource-not-supported'],
    async handle({ ids }) {
      await connectionOf(deps, ids);
      const data = (await deps.reach.unknownFields(ids)).map(presentUnknownField);
      return { status: 200, body: { data, nextCursor: null } };
    },
  });
}

function wrongExclusions(kind: RecordKind, { excludedFields: sent }: Sent): readonly FieldError[] {
  if (!Array.isArray(sent)) return [];
  const names = sent.map((name) => excludedField.safeParse(name).data);
  return names.flatMap((name, index) => {
    const message =
      name === undefined
        ? null
        : exclusionProblem(
            kind,
            name,
            names.filter((one) => one !== undefined),
          );
    return message === null ? [] : [{ path: `excludedFields.${index}`, message }];
  });
}

/** Throws `fields-not-excludable` where a push would empty at the provider what it does not send. */
function requireExcludable(providers: Providers, { provider }: Connection, resource: string): void {
  const adapter = providers.find(provider);
  const isPushed = adapter?.capabilities.resources.some(
    (one) => one.resource === resource && one.directions.some((direction) => direction !== 'pull'),
  );
  if (!adapter || isPushed !== true || adapter.mapping(resource).leavesAbsent === true) return;
  throw new ApiError(
    'fields-not-excludable',
    `${adapter.capabilities.displayName} takes ${resource} as a whole: no field can be left out of what is pushed.`,
  );
}

/** Throws `history-not-limitable` where the provider does not tell when a record began. */
function requireDated(providers: Providers, { provider }: Connection, resource: string): void {
  const adapter = providers.find(provider);
  if (adapter?.pullPlan(resource).dates?.includes('beginnings') === true) return;
  throw new ApiError(
    'history-not-limitable',
    `${adapter?.capabilities.displayName ?? provider} does not tell when ${resource} began: all of them are pulled.`,
  );
}

/** An audit row takes no list: as much as a person reads. */
const MAX_DETAIL_LENGTH = 2_000;

/** Throws `connection-not-found`, and `resource-not-supported` for a resource that the provider does not sync. */
async function connectionOf({ connections, providers }: ReachRouteDeps, ref: ReachRef): Promise<Connection> {
  const connection = await connections.find(ref);
  if (!connection) throw notFound('connection-not-found');
  const { displayName, resources } = providers.find(connection.provider)?.capabilities ?? {
    displayName: connection.provider,
    resources: [],
  };
  if (!resources.some(({ resource }) => resource === ref.resource))
    throw new ApiError('resource-not-supported', `${displayName} does not sync ${ref.resource}.`);
  return connection;
}

async function present({ reach }: ReachRouteDeps, ref: ReachRef): Promise<Answer> {
  const { connectionId, resource } = ref;
  const { excludedFields, historyFrom } = await reach.find(ref);
  const shown = { connectionId, resource, excludedFields: [...excludedFields], historyFrom };
  return { status: 200, body: { ...shown, storedValues: 'kept' } };
}
