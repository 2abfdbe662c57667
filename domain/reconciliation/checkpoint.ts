import { firstPart } from '../sync/pull/strategies.ts';
import type { Part } from '../sync/pull/strategies.ts';
import type { SpanLists } from '../sync/pull/pull-plan.ts';
import type { BusinessDays } from './business-days.ts';

/** The position of a reconciliation, stored with every committed page: add fields, never rename one. */
export type ReconciliationCheckpoint =
  /** Reads the provider's lists; `parts` are still to be read. */
  | { readonly kind: 'reading'; readonly parts: readonly Part[] }
  /** Compares what was read with our transactions; `after` is the last external id that was compared. */
  | { readonly kind: 'comparing'; readonly after: string | null }
  /** Looks up our transactions of the days that no list told; `after` is the last one. */
  | { readonly kind: 'looking-up'; readonly after: { readonly occurredAt: string; readonly id: string } | null }
  | { readonly kind: 'done' };

/** Every list of the plan over the days, and over as long before as an object may be older than its own time. */
export function firstCheckpoint({ streams, lookBackS }: SpanLists, { span }: BusinessDays): ReconciliationCheckpoint {
  if (span === null) return { kind: 'done' };
  return {
    kind: 'reading',
    parts: streams.map((stream, id) =>
      firstPart(stream, {
        id,
        stream: stream.name,
        fromEpochS: span.fromEpochS - lookBackS,
        toEpochS: span.toEpochS,
        after: null,
        pagesRead: 0,
      }),
    ),
  };
}

/** The checkpoint after a page of the first part, of which `left` remains. */
export const afterPage = (parts: readonly Part[], left: Part | null): ReconciliationCheckpoint => {
  const remaining = [...(left ? [left] : []), ...parts.slice(1)];
  return remaining.length > 0 ? { kind: 'reading', parts: remaining } : { kind: 'comparing', after: null };
};
