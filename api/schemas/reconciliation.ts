import { z } from 'zod';
import type { ConnectionId } from '../../contracts/ids.ts';
import { DISCREPANCY_KINDS, DISCREPANCY_STATES, RECONCILIATION_PHASES } from '../../contracts/reconciliation.ts';
import { WAITING_FOR } from '../../contracts/sync.ts';
import type { Discrepancy, Reconciliation } from '../../db/reconciliation/reconciliation-store.ts';
import { DIFFERING_FIELDS } from '../../domain/reconciliation/compare.ts';
import type { SideTotal } from '../../domain/reconciliation/totals.ts';
import type { TransactionFact } from '../../domain/reconciliation/transaction-fact.ts';
import { transactionKind as kindType, transactionStatus as statusType } from '../../records/transactions.ts';
import { checkDayOrder, whereRight } from './combined-fields.ts';
import { currencyAnswer, day, orNull, paging, timestamp, uuid } from './common.ts';
import { jobOutcome } from './job.ts';
import { wordSchema } from './records/values.ts';
import { temporalUrl } from './sync.ts';
import type { TemporalUi } from './sync.ts';

const [transactionKind, transactionStatus] = [wordSchema(kindType), wordSchema(statusType)];
const connectionId = uuid.transform((id) => id as ConnectionId);
const discrepancyKind = z.enum(DISCREPANCY_KINDS).meta({
  id: 'DiscrepancyKind',
  description:
    '`missing-here`: the provider has a transaction that the venue does not; `missing-there`: the other way round; the others name what both sides have and disagree about. Of several differences the first in this order counts, and `differs` lists all.',
});
const discrepancyState = z.enum(DISCREPANCY_STATES).meta({
  id: 'DiscrepancyState',
  description:
    '`repaired`: a repair has made the venue’s side equal; `resolved`: both sides were equal already when the repair looked.',
});

export const startReconciliationBody = z
  .strictObject({
    connectionId,
    from: day.optional().meta({
      description: 'First business day, in the venue’s time zone. `to` when it is left out.',
      example: '2026-11-20',
    }),
    to: day.optional().meta({
      description: 'Last business day, today at the latest. Yesterday when it is left out.',
      example: '2026-11-21',
    }),
  })
  .superRefine(checkDayOrder, whereRight('from', 'to'));

export const reconciliationListQuery = z.strictObject({ connectionId: connectionId.optional(), ...paging });

export const discrepancyListQuery = z.strictObject({
  kind: discrepancyKind.optional(),
  state: discrepancyState.optional(),
  ...paging,
});

const count = z.int().min(0);
const side = z
  .object({
    count,
    amountMinor: z.int().nullable().meta({
      description: 'Sum in minor units of `currency`; null for a sum that a JSON number does not hold exactly.',
    }),
  })
  .meta({ id: 'ReconciledSide' });

export const reconciliationAnswer = z
  .object({
    id: z.uuid(),
    connectionId: z.uuid(),
    provider: z.string(),
    from: z.iso.date(),
    to: z.iso.date(),
    timeZone: z.string().meta({
      description:
        'In which its days begin and end: the venue’s when it was started, or UTC where the provider tells days and no times.',
    }),
    phase: z.enum(RECONCILIATION_PHASES).meta({ id: 'ReconciliationPhase' }),
    outcome: orNull(jobOutcome),
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
    totals: z
      .array(
        z
          .object({ day: z.iso.date(), kind: transactionKind, currency: currencyAnswer, here: side, there: side })
          .meta({ id: 'ReconciledTotal' }),
      )
      .meta({
        description:
          'Counts and sums of what is posted, by day, kind and currency: of the venue (`here`) and of the provider (`there`). Complete once the phase is `finished`.',
      }),
    counts: z.object({
      read: count.meta({ description: 'Transactions that the provider’s lists told.' }),
      compared: count,
      discrepancies: count.meta({ description: 'All of them. At most 10,000 are kept to be listed and repaired.' }),
      unreadable: count.meta({ description: 'Times that an object of the provider could not be read. Not compared.' }),
    }),
    providerCalls: count,
    waitingFor: z
      .object({ what: z.string(), since: timestamp, until: timestamp.nullable() })
      .nullable()
      .meta({ description: `What it waits for (${WAITING_FOR.join(', ')}), and when it next looks by itself.` }),
    error: z.object({ code: z.string(), message: z.string(), nextAction: z.string() }).nullable(),
    requestedBy: z.string(),
    workflowId: z.string(),
    runId: z.string().nullable(),
    temporalUrl: z.string().nullable().meta({ description: 'Its workflow in the Temporal Web UI.' }),
  })
  .meta({ id: 'Reconciliation' });

const fact = z
  .object({
    kind: transactionKind,
    occurredAt: timestamp,
    amountMinor: z.int(),
    currency: currencyAnswer,
    status: transactionStatus,
    posted: z.boolean().nullable(),
  })
  .meta({ id: 'ComparedTransaction' });

export const discrepancyAnswer = z
  .object({
    id: z.uuid(),
    reconciliationId: z.uuid(),
    connectionId: z.uuid(),
    kind: discrepancyKind,
    differs: z
      .array(z.enum(DIFFERING_FIELDS).meta({ id: 'DifferingField' }))
      .meta({ description: 'What both sides disagree about; empty for a transaction that one side does not have.' }),
    day: z.iso.date().meta({ description: 'The business day, the provider’s where both sides have one.' }),
    externalId: z.string().meta({ description: 'The provider’s id of the transaction.' }),
    recordId: z.uuid().nullable().meta({ description: 'The venue’s record; null for one that was missing here.' }),
    here: orNull(fact),
    there: orNull(fact),
    state: discrepancyState,
    problem: z
      .object({ code: z.string(), message: z.string() })
      .nullable()
      .meta({ description: 'Why the last attempt at a repair left it open.' }),
    settledAt: timestamp.nullable(),
    settledBy: z.string().nullable().meta({
      description: 'Who had it repaired; `reconcileConnection` where a later reconciliation found both sides alike.',
    }),
  })
  .meta({ id: 'Discrepancy' });

/** How many discrepancies a reconciliation shows itself. */
export const DISCREPANCIES_SHOWN = 100;

export const reconciliationDetailAnswer = reconciliationAnswer
  .extend({
    discrepancies: z
      .array(discrepancyAnswer)
      .meta({ description: `The first ${DISCREPANCIES_SHOWN}. \`…/discrepancies\` lists them all.` }),
  })
  .meta({ id: 'ReconciliationDetail' });

export function presentReconciliation(row: Reconciliation, ui: TemporalUi): z.input<typeof reconciliationAnswer> {
  return {
    id: row.id,
    connectionId: row.connectionId,
    provider: row.provider,
    from: row.fromDay,
    to: row.toDay,
    timeZone: row.timeZone,
    phase: row.phase,
    outcome: row.outcome,
    startedAt: iso(row.startedAt),
    finishedAt: iso(row.finishedAt),
    totals: row.totals.map(({ day: onDay, kind, currency, here, there }) => ({
      day: onDay,
      kind: kind as z.output<typeof transactionKind>,
      currency,
      here: presentSide(here),
      there: presentSide(there),
    })),
    counts: {
      read: row.readCount,
      compared: row.comparedCount,
      discrepancies: row.discrepancyCount,
      unreadable: row.unreadableCount,
    },
    providerCalls: row.providerCalls,
    waitingFor: row.waitingFor && { ...row.waitingFor },
    error: row.error && { ...row.error },
    requestedBy: row.requestedBy,
    workflowId: row.workflowId,
    runId: row.workflowRunId,
    temporalUrl: temporalUrl(row, ui),
  };
}

export function presentDiscrepancy(row: Discrepancy): z.input<typeof discrepancyAnswer> {
  const { id, reconciliationId, connectionId: connection, kind, differs, externalId, recordId, state } = row;
  return {
    ...{ id, reconciliationId, connectionId: connection, kind, externalId, recordId, state },
    differs: [...differs],
    day: row.day,
    here: presentFact(row.here),
    there: presentFact(row.there),
    problem: row.problem && { ...row.problem },
    settledAt: iso(row.settledAt),
    settledBy: row.settledBy,
  };
}

const presentFact = (of: TransactionFact | null) => of && ({ ...of } as z.input<typeof fact>);

function presentSide({ count: transactions, amountMinor }: SideTotal): z.input<typeof side> {
  const sum = Number(amountMinor);
  return { count: transactions, amountMinor: Number.isSafeInteger(sum) ? sum : null };
}

const iso = (date: Date | null) => date?.toISOString() ?? null;
