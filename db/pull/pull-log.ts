import type { TwoWayDecision } from '../../domain/sync/merge/two-way-decision.ts';
import type { MergedRecord } from './merge-rows.ts';
import type { Decided } from './pull-lookup.ts';
import type { PulledRecord } from './pulled-record.ts';
import type { RunScope } from '../runs/run-scope.ts';
import { insertLogs } from '../runs/sync-log.ts';
import type { Transaction } from '../core/venue-scope.ts';

export const toAnomaly = (code: string) => ({
  record_id: null,
  source_id: null,
  external_id: null,
  level: 'warn',
  action: 'anomaly',
  code,
  message: ANOMALIES[code] ?? null,
});

const ANOMALIES: Readonly<Record<string, string>> = {
  'page-out-of-order': 'The provider listed records out of order; all were taken.',
  'page-short':
    'The provider gave a page with fewer records than fit, and said that there are more; the listing went on.',
  'page-repeats': 'The provider gave a page again; it was asked for once more.',
  'cursor-lost':
    'The provider no longer knew the record that the listing had come to; the listing went on from the second before it.',
  'cursor-expired': 'The provider’s cursor expired while the list was read; the list was begun again.',
  'order-shifted':
    'Objects came or went in front of the place that the list was read at; it was read again from before that place.',
  'feed-lost': 'The provider’s change feed no longer knew where the last pull had ended; this pull read everything.',
  'fewer-than-counted': 'The provider listed fewer records than it counted; the listing was read once more.',
};

/** The later one of two objects that carry the same id of ours. */
export const toCopied = (one: Decided) =>
  one.copyOf === null || one.decision !== 'create'
    ? []
    : [
        toOwn(one, {
          code: 'own-id-copied',
          message: `This object carries the id of record ${one.copyOf}, which is tied to another object: it was copied at the provider, and became a record of its own.`,
        }),
      ];

/** An object that may be one of several records. */
export const toAmbiguous = (one: Decided) =>
  one.isAmbiguous !== true || one.decision !== 'create'
    ? []
    : [
        toOwn(one, {
          code: 'several-alike',
          message:
            'Several records of the venue are the same as this object, so it was tied to none of them and became a record of its own.',
        }),
      ];

/** An object that became a record of its own. */
const toOwn = ({ record, pulled }: Decided, why: { readonly code: string; readonly message: string }) => ({
  ...{ record_id: record.id, source_id: record.sourceId, external_id: pulled.externalId },
  ...{ level: 'warn', action: 'anomaly' },
  ...why,
});

export const toUnlisted = ({ externalId }: PulledRecord) => ({
  record_id: null,
  source_id: null,
  external_id: externalId,
  level: 'warn',
  action: 'anomaly',
  code: 'left-out-of-listing',
  message: 'The provider’s listing left this record out; it was looked up, is there, and was not archived.',
});

type Line = { readonly level: string; readonly action: string; readonly code: string; readonly message: string };

const LINE_OF: Readonly<Partial<Record<TwoWayDecision, Line>>> = {
  archive: {
    level: 'info',
    action: 'archived',
    code: 'deleted-at-provider',
    message: 'The provider deleted this record.',
  },
  revive: {
    level: 'info',
    action: 'updated',
    code: 'made-again',
    message:
      'The provider made this record again under its old id after it had deleted it; it is no longer deleted here.',
  },
  overwrite: {
    level: 'warn',
    action: 'conflict',
    code: 'venue-change-overwritten',
    message: 'Both sides changed since they last agreed; a pull takes the provider’s values.',
  },
  keep: {
    level: 'warn',
    action: 'conflict',
    code: 'written-after-deletion',
    message:
      'The provider deleted this record, and the venue wrote it after that: it is kept, and the next push creates it anew.',
  },
};
const SUPERSEDED = {
  code: 'superseded',
  message: 'Another record has taken its place, such as a payment that of its intent.',
};

const supersededBy = ({ mergedInto }: Decided): Pick<Line, 'code' | 'message'> =>
  mergedInto === undefined
    ? SUPERSEDED
    : {
        code: 'merged-at-provider',
        message: `The provider merged this record’s object with that of record ${mergedInto}, which goes on.`,
      };

/** Logs what the record itself does not show. */
export async function logPulled(tx: Transaction, scope: RunScope, decided: readonly Decided[]): Promise<void> {
  const rows = decided.flatMap((one) => {
    const { record, pulled } = one;
    const about = { record_id: record.id, source_id: record.sourceId, external_id: pulled.externalId };
    return linesOf(one).map((line) => ({ ...about, ...line, ...(pulled.superseded && supersededBy(one)) }));
  });
  await insertLogs(tx, scope, rows);
}

function linesOf({ decision, pulled, merged, isConflictTold }: Decided): readonly Line[] {
  if (merged) return mergeLines(isConflictTold ? { ...merged, open: [] } : merged);
  if (decision === 'hold') return isConflictTold ? [] : [pulled.deleted ? DELETED_BY_PROVIDER : DELETED_BY_VENUE];
  const line = LINE_OF[decision];
  return line ? [line] : [];
}

const mergeLines = ({ open, settled }: MergedRecord): readonly Line[] => [
  ...(open.length === 0
    ? []
    : [
        conflict(
          'conflict-open',
          `Both sides changed ${namesOf(open)} differently; they stay as they are until the conflict is resolved.`,
        ),
      ]),
  ...(['venue', 'provider'] as const).flatMap((side) => {
    const fields = settled.filter(({ settledBy }) => settledBy === side);
    const whose = side === 'venue' ? 'venue’s' : 'provider’s';
    return fields.length === 0
      ? []
      : [
          conflict(
            'conflict-settled',
            `Both sides changed ${namesOf(fields)} differently; the policy took the ${whose} values.`,
          ),
        ];
  }),
];

const conflict = (code: string, message: string): Line => ({ level: 'warn', action: 'conflict', code, message });

const DELETED_BY_PROVIDER = conflict(
  'conflict-open',
  'The provider deleted this record while the venue changed it; it is kept until the conflict is resolved.',
);
const DELETED_BY_VENUE = conflict(
  'conflict-open',
  'The venue deleted this record while the provider changed it; both stay as they are until the conflict is resolved.',
);

const MOST_NAMES = 20;

/** Names of fields for a message, never their values. */
function namesOf(fields: readonly { readonly field: string }[]): string {
  const names = fields.slice(0, MOST_NAMES).map(({ field }) => field);
  return fields.length > MOST_NAMES
    ? `${names.join(', ')} and ${fields.length - MOST_NAMES} more fields`
    : names.join(', ');
}
