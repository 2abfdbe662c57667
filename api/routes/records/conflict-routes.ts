import type { Conflict } from '../../../db/conflicts/conflict.ts';
import type { ConflictStore } from '../../../db/conflicts/conflict-store.ts';
import type { FieldProblem } from '../../../db/records/record-writing.ts';
import { mapOf } from '../../../domain/sync/merge/flat-fields.ts';
import { mapFieldsOf } from '../../../records/comparable-fields.ts';
import type { RecordKind } from '../../../records/record-kind.ts';
import type { RecordKinds } from '../../../records/registry.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { FieldError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { readCursor, toPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { check, invalidRequest } from '../../http/parse.ts';
import type { Sent } from '../../http/parse.ts';
import { pageOf } from '../../schemas/common.ts';
import { conflictAnswer, conflictListQuery, presentConflict, resolveConflictBody } from '../../schemas/conflict.ts';
import { schemasOf } from '../../schemas/records/record-schemas.ts';

export interface ConflictRouteDeps {
  readonly conflicts: ConflictStore;
  readonly kinds: RecordKinds;
  readonly audit: AuditTrail;
}

const COLLECTION = '/v1/venues/{venueId}/conflicts';

export const conflictRoutes = (deps: ConflictRouteDeps): Endpoint[] => [listRoute(deps), resolveRoute(deps)];

function listRoute({ conflicts, kinds }: ConflictRouteDeps): Endpoint {
  return endpoint({
    name: 'listConflicts',
    summary: 'List conflicts of two-way syncs, newest first',
    description:
      'A conflict is open while both sides hold what a person has to decide about: a field that both changed differently, or a record that one deleted and the other changed. Meanwhile the other fields travel, and these stay as they are on each side.',
    tag: 'Syncs',
    method: 'get',
    path: COLLECTION,
    role: 'viewer',
    query: conflictListQuery(kinds.names),
    answers: { 200: { description: 'A page of conflicts.', schema: pageOf('Conflict', conflictAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: filter, order: 'id' } as const;
      const page = await conflicts.list(venueId, filter, { limit, after: readCursor(cursor, list) });
      return toPageAnswer(page, list, presentConflict);
    },
  });
}

function resolveRoute({ conflicts, kinds, audit }: ConflictRouteDeps): Endpoint {
  return endpoint({
    name: 'resolveConflict',
    summary: 'Resolve a conflict',
    description:
      'Changes the venue’s record at once. What the provider lacks then is written by the next two-way run of the connection and resource.',
    tag: 'Syncs',
    method: 'post',
    path: `${COLLECTION}/{conflictId}/resolve`,
    role: 'operator',
    idempotent: true,
    body: resolveConflictBody,
    async rules({ venueId, conflictId }, sent) {
      const found = await conflicts.find(venueId, conflictId);
      return found?.state === 'open' ? wrongResolution(kinds.get(found.resource), found, sent) : [];
    },
    answers: { 200: { description: 'The conflict, resolved.', schema: conflictAnswer } },
    problems: ['conflict-resolved'],
    async handle({ ids: { venueId, conflictId }, body: { take, values = {} }, caller, requestId }) {
      const found = await conflicts.find(venueId, conflictId);
      if (!found) throw notFound('conflict-not-found');
      if (found.state !== 'open') throw alreadyResolved();
      const resolved = await conflicts.resolve(
        { venueId, id: conflictId },
        { take, values, by: caller.subject },
        ({ id, recordId, connectionId }) =>
          audit.entry({ caller, requestId }, venueId, {
            action: 'conflict.resolved',
            targetType: 'conflict',
            targetId: id,
            details: { take, record: recordId, connection: connectionId },
          }),
      );
      if (resolved === null) throw alreadyResolved();
      if (isProblems(resolved)) throw invalidRequest(resolved.map(inValues));
      return { status: 200, body: presentConflict(resolved) };
    },
  });
}

const isProblems = (resolved: Conflict | readonly FieldProblem[]): resolved is readonly FieldProblem[] =>
  Array.isArray(resolved);

const alreadyResolved = () => new ApiError('conflict-resolved', 'The conflict is resolved already.');

/** Names every field that has no valid value, where the conflict is to be resolved by values. */
function wrongResolution(
  kind: RecordKind,
  { fields, kind: conflictKind }: Conflict,
  sent: Sent,
): readonly FieldError[] {
  if (sent['take'] !== 'values') return [];
  if (conflictKind !== 'fields') return [{ path: 'take', message: 'A deletion is resolved by `venue` or `provider`' }];
  const { data: values } = resolveConflictBody.shape.values.safeParse(sent['values']);
  if (values === undefined) return [];
  const paths = fields.map(({ field }) => field);
  const missing = paths.filter((path) => !Object.hasOwn(values, path)).map(withMessage('Required'));
  const unknown = Object.keys(values)
    .filter((path) => !paths.includes(path))
    .map(withMessage('Is not in conflict'));
  const wrong = paths
    .filter((path) => Object.hasOwn(values, path))
    .flatMap((path) => wrongIn(kind, path, values[path]));
  return [...missing, ...unknown, ...wrong];
}

const inValues = ({ path, message }: FieldProblem): FieldProblem => ({ path: `values.${path}`, message });
const withMessage =
  (message: string) =>
  (path: string): FieldProblem =>
    inValues({ path, message });

/** A value as a change of the record would send it. A key of a map is removed by null. */
function wrongIn(kind: RecordKind, path: string, value: unknown): readonly FieldProblem[] {
  const map = mapOf(path, mapFieldsOf(kind));
  if (map !== null && value === null) return [];
  const changes = map === null ? { [path]: value } : { [map]: { [path.slice(map.length + 1)]: value } };
  const result = check(schemasOf(kind).changes, changes);
  return result.ok ? [] : result.errors.map(inValues);
}
