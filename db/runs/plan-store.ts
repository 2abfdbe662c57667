import { and, asc, eq, gt, sql } from 'drizzle-orm';
import type { RecordId, SyncId, VenueId } from '../../contracts/ids.ts';
import { PLAN_ACTIONS } from '../../contracts/sync.ts';
import type { PlanAction } from '../../contracts/sync.ts';
import { toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { syncPlanItems } from '../schema/runs/sync-plan-items.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';

/** A dry run's statement about one record. */
export interface PlanItem {
  readonly seq: number;
  readonly action: PlanAction;
  readonly recordId: RecordId | null;
  readonly sourceId: string | null;
  readonly externalId: string | null;
  /** Names of the fields that would change, or the reason of a rejection. */
  readonly detail: string | null;
}

export interface PlanSummary {
  readonly counts: Readonly<Record<PlanAction, number>>;
  /** The first few of each action. */
  readonly samples: readonly PlanItem[];
}

/** Plans as the API reads them; their dry runs write them. */
export interface PlanStore {
  summarise(venueId: VenueId, id: SyncId, samplesPerAction: number): Promise<PlanSummary>;
  /** In the order in which the dry run recorded them; `after` is a `seq`. */
  list(
    venueId: VenueId,
    id: SyncId,
    query: { readonly action?: PlanAction | undefined; readonly page: PageRequest },
  ): Promise<Page<PlanItem>>;
}

const { seq, action, recordId, sourceId, externalId, detail } = syncPlanItems;
const COLUMNS = { seq, action, recordId, sourceId, externalId, detail };

export function createPlanStore(db: Database): PlanStore {
  return {
    summarise: (venueId, id, samplesPerAction) =>
      withVenue(db, venueId, async (tx) => {
        const counted = await tx
          .select({ action, count: sql<number>`count(*)::int` })
          .from(syncPlanItems)
          .where(eq(syncPlanItems.syncId, id))
          .groupBy(action);
        const counts = Object.fromEntries(
          PLAN_ACTIONS.map((name) => [name, counted.find((row) => row.action === name)?.count ?? 0]),
        ) as Record<PlanAction, number>;
        const samples: PlanItem[] = [];
        // One short index scan per action: numbering all rows of a plan would read a million to show a hundred.
        for (const { action: name } of counted) {
          samples.push(
            ...(await tx
              .select(COLUMNS)
              .from(syncPlanItems)
              .where(and(eq(syncPlanItems.syncId, id), eq(action, name)))
              .orderBy(asc(seq))
              .limit(samplesPerAction)),
          );
        }
        return { counts, samples };
      }),

    list: (venueId, id, { action: wanted, page: { limit, after } }) =>
      withVenue(db, venueId, async (tx) => {
        const where = and(
          eq(syncPlanItems.syncId, id),
          wanted === undefined ? undefined : eq(action, wanted),
          after === null ? undefined : gt(seq, Number(after)),
        );
        const rows = await tx
          .select(COLUMNS)
          .from(syncPlanItems)
          .where(where)
          .orderBy(asc(seq))
          .limit(limit + 1);
        return toPage(rows, limit, { item: (row) => row, id: (row) => String(row.seq) });
      }),
  };
}
