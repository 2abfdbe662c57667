import type { ConnectionRef, RecordId } from '../../../contracts/ids.ts';
import type { MappingTrial, MappingVersionRef } from '../../../contracts/mappings.ts';
import type { Connection, ConnectionStore } from '../../../db/connections/connection-store.ts';
import { policiesOf } from '../../../domain/mapping/mapping.ts';
import type { MappingRef, MappingStore, NewMapping, StoredMapping } from '../../../db/mappings/mapping-store.ts';
import type { Expressions } from '../../../expressions/expressions.ts';
import type { Providers } from '../../../providers/providers.ts';
import type { RecordStores } from '../../../db/records/record-store.ts';
import type { RecordKinds } from '../../../records/registry.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import type { Caller } from '../../auth/caller.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { FieldError } from '../../errors/api-error.ts';
import { describeError } from '../../errors/outage.ts';
import type { Log } from '../../http/log.ts';
import type { MappingGateway } from '../../temporal/mapping-gateway.ts';
import { notFound } from '../../errors/not-found.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import type { Sent } from '../../http/parse.ts';
import { directionsOf, requireDecidable, requireValid, wrongRules } from '../../mappings/mapping-checks.ts';
import type { MappedResource } from '../../mappings/mapping-checks.ts';
import { previewMapping } from '../../mappings/preview-mapping.ts';
import { pageOf } from '../../schemas/common.ts';
import {
  mappingAnswer,
  mappingBody,
  mappingVersionAnswer,
  presentMapping,
  presentTrial,
  presentVersion,
  previewAnswer,
  previewBody,
  rollbackBody,
  savedMappingAnswer,
  toDefinition,
} from '../../schemas/mapping.ts';

export interface MappingRouteDeps {
  readonly connections: ConnectionStore;
  readonly kinds: RecordKinds;
  readonly mappings: MappingStore;
  readonly records: RecordStores;
  readonly expressions: Expressions;
  readonly providers: Providers;
  readonly mappingGateway: MappingGateway;
  readonly audit: AuditTrail;
  readonly log: Log;
}

const PATH = '/v1/venues/{venueId}/connections/{connectionId}/mappings/{resource}';

export function mappingRoutes(deps: MappingRouteDeps): Endpoint[] {
  const routes = [getRoute(deps), putRoute(deps), versionsRoute(deps), previewRoute(deps), rollbackRoute(deps)];
  return routes.map((route) => ({
    ...route,
    pathWords: { ...route.pathWords, resource: deps.kinds.names },
    notFound: { ...route.notFound, resource: 'mapping-not-found' },
  }));
}

function getRoute(deps: MappingRouteDeps): Endpoint {
  return endpoint({
    name: 'getMapping',
    summary: 'Read how a resource’s fields become the provider’s, and back',
    tag: 'Mappings',
    method: 'get',
    path: PATH,
    role: 'viewer',
    answers: { 200: { description: 'The version that applies.', schema: mappingAnswer } },
    problems: ['resource-not-supported'],
    async handle({ ids }) {
      const { kind } = await resourceOf(deps, ids);
      return { status: 200, body: presentMapping(kind, await deps.mappings.find(ids)) };
    },
  });
}

function putRoute(deps: MappingRouteDeps): Endpoint {
  return endpoint({
    name: 'putMapping',
    summary: 'Change how a resource’s fields become the provider’s, and back',
    description:
      'The rules and policies take the place of those before. A rule with `direction: both` is sent and read back, with `push` only sent, with `pull` only read, which a resource that is only read takes. It is tried on one record that the provider has, where the resource is pushed: what the provider refuses is not saved; that the provider is away, slow or refuses the access does not stand against it. Then every record is read and written again. Sending the same again changes nothing.',
    tag: 'Mappings',
    method: 'put',
    path: PATH,
    role: 'admin',
    effort: 'start',
    body: mappingBody,
    rules: (ids, sent) => brokenIn(deps, ids, sent),
    answers: { 200: { description: 'The mapping as it is now.', schema: savedMappingAnswer } },
    problems: ['resource-not-supported', 'merge-policy-not-supported', 'mapping-refused'],
    async handle({ ids, body, caller, requestId }) {
      const mapped = await resourceOf(deps, ids);
      const definition = toDefinition(body.fields, body);
      requireDecidable(deps, mapped, definition);
      const mapping = { definition, createdBy: caller.subject };
      const { connection, kind } = mapped;
      const { stored, trial } = await save(deps, ids, { connection, mapping, caller, requestId });
      return { status: 200, body: { ...presentMapping(kind, stored), trial: presentTrial(trial) } };
    },
  });
}

function versionsRoute(deps: MappingRouteDeps): Endpoint {
  return endpoint({
    name: 'listMappingVersions',
    summary: 'List the versions of a mapping, newest first',
    description: 'Up to a hundred, and the defaults, which are version 0.',
    tag: 'Mappings',
    method: 'get',
    path: `${PATH}/versions`,
    role: 'viewer',
    answers: { 200: { description: 'All of them.', schema: pageOf('FieldMappingVersion', mappingVersionAnswer) } },
    problems: ['resource-not-supported'],
    async handle({ ids }) {
      await resourceOf(deps, ids);
      const data = (await deps.mappings.list(ids)).map(presentVersion);
      return { status: 200, body: { data, nextCursor: null } };
    },
  });
}

function previewRoute(deps: MappingRouteDeps): Endpoint {
  return endpoint({
    name: 'previewMapping',
    summary: 'Show what a mapping makes of records',
    description: 'Writes to neither side, and asks the provider nothing.',
    tag: 'Mappings',
    method: 'post',
    path: `${PATH}/preview`,
    role: 'viewer',
    body: previewBody,
    rules: (ids, sent) => brokenIn(deps, ids, sent),
    bodyOptional: true,
    answers: { 200: { description: 'The records in the order in which they were named.', schema: previewAnswer } },
    problems: ['resource-not-supported'],
    async handle({ ids, body }) {
      const mapped = await resourceOf(deps, ids);
      const { fields, recordIds } = body;
      const definition = fields === undefined ? (await deps.mappings.find(ids)).definition : toDefinition(fields);
      const adapter = deps.providers.find(mapped.connection.provider);
      if (!adapter) throw notFound('mapping-not-found');
      const mapping = adapter.mapping(ids.resource);
      const { venueId } = ids;
      const data = await previewMapping(deps, {
        ...{ kind: mapped.kind, definition, mapping, venueId },
        recordIds: recordIds as readonly RecordId[] | undefined,
      });
      return { status: 200, body: { data } };
    },
  });
}

function rollbackRoute(deps: MappingRouteDeps): Endpoint {
  return endpoint({
    name: 'rollBackMapping',
    summary: 'Go back to an earlier version of a mapping',
    description: 'Makes a new version that repeats it. Going back to the version that applies changes nothing.',
    tag: 'Mappings',
    method: 'post',
    path: `${PATH}/rollback`,
    role: 'admin',
    effort: 'start',
    idempotent: true,
    body: rollbackBody,
    answers: { 200: { description: 'The mapping as it is now.', schema: mappingAnswer } },
    problems: ['resource-not-supported', 'merge-policy-not-supported', 'mapping-not-found'],
    async handle({ ids, body: { version }, caller, requestId }) {
      const mapped = await resourceOf(deps, ids);
      const earlier = (await deps.mappings.list(ids)).find((stored) => stored.version === version);
      if (!earlier) throw notFound('mapping-not-found');
      // A release since then may take what it says no longer.
      await requireValid(deps, mapped, earlier.definition);
      requireDecidable(deps, mapped, earlier.definition);
      const mapping = { definition: earlier.definition, createdBy: caller.subject, restoredVersion: version };
      const { stored } = await save(deps, ids, { connection: mapped.connection, mapping, caller, requestId });
      return { status: 200, body: presentMapping(mapped.kind, stored) };
    },
  });
}

/** Throws `connection-not-found` and `resource-not-supported`. */
async function resourceOf(deps: MappingRouteDeps, ref: MappingRef): Promise<MappedResource> {
  const connection = await deps.connections.find(ref satisfies ConnectionRef);
  if (!connection) throw notFound('connection-not-found');
  const mapped = { connection, kind: deps.kinds.get(ref.resource) };
  directionsOf(deps, mapped);
  return mapped;
}

async function brokenIn(deps: MappingRouteDeps, ref: MappingRef, sent: Sent): Promise<readonly FieldError[]> {
  const mapped = { connection: await deps.connections.find(ref), kind: deps.kinds.get(ref.resource) };
  return wrongRules(deps, mapped, sent);
}

interface Saving {
  readonly connection: Connection;
  readonly mapping: NewMapping;
  readonly caller: Caller;
  readonly requestId: string;
}

interface Saved {
  readonly stored: StoredMapping;
  readonly trial: MappingTrial | null;
}

/**
 * Stores the mapping once it is tried, and has every record read and written again. An earlier version was tried when it
 * was sent. Throws `mapping-refused`.
 */
async function save(deps: MappingRouteDeps, ref: MappingRef, saving: Saving): Promise<Saved> {
  const { mapping, connection } = saving;
  const proposed = await deps.mappings.propose(ref, mapping);
  if (!proposed) throw notFound('connection-not-found');
  const version = { ...ref, provider: connection.provider, version: proposed.version };
  if (proposed.active) {
    if (proposed.version > 0 && proposed.reprojectedAt === null) await reproject(deps, version);
    return { stored: proposed, trial: null };
  }
  const trial = mapping.restoredVersion == null ? await tryOut(deps, version) : null;
  const stored = await activate(deps, version, saving);
  await reproject(deps, version);
  return { stored, trial };
}

async function activate(
  { mappings, audit }: MappingRouteDeps,
  ref: MappingVersionRef,
  { mapping, caller, requestId }: Saving,
): Promise<StoredMapping> {
  const { restoredVersion = null, definition } = mapping;
  const stored = await mappings.activate(ref, ref.version, ({ version }) =>
    audit.entry({ caller, requestId }, ref.venueId, {
      action: restoredVersion === null ? 'mapping.changed' : 'mapping.rolled-back',
      targetType: 'mapping',
      targetId: `mapping/${ref.connectionId}/${ref.resource}`,
      details: { version, rules: definition.fields.length, ...policiesOf(definition), restoredVersion },
    }),
  );
  if (!stored) throw notFound('connection-not-found');
  return stored;
}

/** Throws `mapping-refused`. Whatever prevents the trial does not stand against the mapping. */
async function tryOut({ mappingGateway, log }: MappingRouteDeps, version: MappingVersionRef): Promise<MappingTrial> {
  const trial = await mappingGateway.tryVersion(version).catch((error: unknown) => {
    log.warn({ connectionId: version.connectionId, error: describeError(error) }, 'a mapping could not be tried');
    return null;
  });
  if (trial?.outcome === 'refused')
    throw new ApiError('mapping-refused', `Tried on the record ${trial.recordId ?? ''}. Nothing was saved.`, {
      errors: trial.problems,
    });
  return trial ?? INTERRUPTED;
}

const INTERRUPTED: MappingTrial = {
  ...{ outcome: 'not-tried', reason: 'interrupted', recordId: null, code: null, httpStatus: null, problems: [] },
};

/** The next scheduled runs are full passes in any case, so that an outage of Temporal only delays it. */
async function reproject({ mappingGateway, log }: MappingRouteDeps, version: MappingVersionRef): Promise<void> {
  await mappingGateway.reproject(version).catch((error: unknown) => {
    log.warn({ connectionId: version.connectionId, error: describeError(error) }, 'a reprojection was not started');
  });
}
