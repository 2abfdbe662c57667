import { withOwnIdsInLists } from '../../../domain/sync/list-references.ts';
import { isSame } from '../../../domain/sync/merge/flat-fields.ts';
import { keptIn, withKept } from '../../../domain/sync/push/kept-fields.ts';
import { metadataKeysOf } from '../../../domain/sync/push/metadata-keys.ts';
import type { PushLink, PushResult } from '../../../db/push/push-store.ts';
import type { WrittenRecord } from '../../../providers/provider.ts';
import type { MappedRow } from './mapped-rows.ts';
import { keptBy, listRefsOf } from './push-work.ts';
import type { PushWork } from './push-work.ts';

/** Why a record is rejected as `place-taken`. */
export const PLACE_TAKEN = 'What the record is written to at the provider is another record’s already.';

/** The outcome of a write that both sides agree on. */
export function agreed(work: PushWork, action: PushResult['action'], answer: WrittenRecord | null): PushResult {
  const { row, fingerprint, fingerprintOfRemote } = work;
  const written = answer && withoutKept(work, withoutChangesOfOthers(work, withOwnIds(row, answer)));
  return {
    recordId: row.id,
    sourceId: row.sourceId,
    action,
    recordVersion: row.version,
    linkState: 'linked',
    ...toldBy(written, row.link),
    fingerprint,
    remoteFingerprint: written && fingerprintOfRemote(written),
    ...writtenOf(row, written),
    metadataKeys: metadataKeysOf(row.fields),
    code: null,
    message: null,
  };
}

/** The answer to a write, with our own ids of the records that its lists name. */
function withOwnIds({ lists }: MappedRow, answer: WrittenRecord): WrittenRecord {
  const { fields, listRefs } = answer;
  return lists && fields && listRefs ? { ...answer, fields: withOwnIdsInLists(lists, fields, listRefs) } : answer;
}

/**
 * The answer to a write with the known value of each field, and of each key of a map, that the run did not change. What
 * the answer has otherwise there, somebody else has changed meanwhile: it is not agreed on, and the next run reads it as a
 * change.
 */
function withoutChangesOfOthers({ row }: PushWork, answer: WrittenRecord): WrittenRecord {
  const { fields, atProvider, lists } = row;
  if (atProvider === undefined || answer.fields === null) return answer;
  const untouched = Object.fromEntries(
    Object.entries(atProvider).filter(([name, value]) => isSame(fields[name], value)),
  );
  const maps = Object.fromEntries(
    [...(row.merging?.maps ?? [])]
      .filter((name) => untouched[name] === undefined && name in atProvider)
      .map((name) => [
        name,
        mapWithoutChangesOfOthers({ wanted: fields[name], held: atProvider[name], told: answer.fields?.[name] }),
      ]),
  );
  const known = Object.entries(listRefsOf(row, untouched) ?? {}).filter(
    ([name]) => untouched[lists?.rules[name]?.list ?? ''] !== undefined,
  );
  return {
    ...answer,
    fields: { ...answer.fields, ...untouched, ...maps },
    ...(known.length > 0 && { listRefs: { ...answer.listRefs, ...Object.fromEntries(known) } }),
  };
}

/** The answer as the record has what it leaves to the remote record: nobody has agreed on that, and a pull brings it to the venue. */
function withoutKept(work: PushWork, answer: WrittenRecord): WrittenRecord {
  const { fields, link } = work.row;
  if (answer.fields === null || keptIn(link?.externalState).length === 0) return answer;
  const kept = keptBy(work);
  const own = kept.filter((name) => name in fields).map((name) => [name, fields[name]] as const);
  return {
    ...answer,
    fields: { ...answer.fields, ...Object.fromEntries(own) },
    // An empty state takes the place of the one that was kept before.
    externalState: withKept(answer.externalState ?? {}, kept),
  };
}

interface MapReadings {
  readonly wanted: unknown;
  readonly held: unknown;
  readonly told: unknown;
}

function mapWithoutChangesOfOthers(readings: MapReadings): object {
  const [wanted, held, told] = [readings.wanted, readings.held, readings.told].map(entriesOf) as [
    ReadonlyMap<string, unknown>,
    ReadonlyMap<string, unknown>,
    ReadonlyMap<string, unknown>,
  ];
  const entries = [...new Set([...held.keys(), ...told.keys()])].map((key) => {
    const isUntouched = isSame(wanted.get(key) ?? null, held.get(key) ?? null);
    return [key, (isUntouched ? held : told).get(key)] as const;
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

const entriesOf = (map: unknown): ReadonlyMap<string, unknown> => new Map(Object.entries(map ?? {}));

/** What was written, and what the provider made of it, both in the venue's fields. */
function writtenOf(
  { fields, merging, venueSide }: MappedRow,
  written: WrittenRecord | null,
): Pick<PushResult, 'fields' | 'merging' | 'answer'> {
  const told = written?.fields ?? null;
  if (venueSide === undefined) return { fields, merging, answer: told };
  const read = told && venueSide.read(told);
  return { fields: venueSide.fields, merging, answer: read && read.problems.length === 0 ? read.fields : null };
}

/** The record in the answer to a write; without an answer the link's. */
function toldBy(
  written: WrittenRecord | null,
  link: PushLink | null,
): Pick<PushResult, 'externalId' | 'externalVersion' | 'externalState' | 'notes'> {
  if (written === null)
    return { externalId: link?.externalId ?? null, externalVersion: 0, externalState: null, notes: [] };
  return {
    externalId: written.externalId,
    externalVersion: written.version,
    externalState: written.externalState ?? null,
    notes: written.notes ?? [],
  };
}

/** A record that is not written, and why. */
export function rejected({ row }: PushWork, code: string, message: string): PushResult {
  return {
    recordId: row.id,
    sourceId: row.sourceId,
    action: 'rejected',
    recordVersion: row.version,
    linkState: 'rejected',
    externalId: row.link?.externalId ?? null,
    externalVersion: 0,
    fingerprint: null,
    remoteFingerprint: null,
    ...writtenOf(row, null),
    metadataKeys: [],
    // What was found goes on being known by what it was found with.
    externalState: row.link?.externalId == null ? null : row.link.externalState,
    notes: [],
    code,
    message,
  };
}

/** One of both sides has deleted the record since the run read it, or its object can no longer be read. Also for deletions that are too many. */
export const changedMeanwhile = (work: PushWork): PushResult =>
  rejected(
    work,
    'changed-meanwhile',
    'The record was deleted on one side, or became unreadable, while the run was at work. The next run decides about it.',
  );
