import { and, eq, gt, lte, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { ConnectionRef, ReportAnswerId } from '../../contracts/ids.ts';
import type { ProviderReport } from '../../contracts/reports.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';
import { reportAnswers } from '../schema/report-answers.ts';

export interface StoredReport {
  readonly content: ProviderReport;
  /** When the provider was asked. */
  readonly readAt: Date;
}

/** Hands reports over from the worker that read them to the API process that waits for them. */
export interface ReportAnswerStore {
  /** Stores a report for some minutes. Removes what the venue's earlier readings have left. */
  keep(ref: ConnectionRef, report: string, content: ProviderReport): Promise<ReportAnswerId>;
  /** Null: there is none, or its minutes are over. Stays there for others that wait for the same reading. */
  find(ref: ConnectionRef, id: ReportAnswerId): Promise<StoredReport | null>;
}

/** Long enough for an API process that waits for Temporal to tell it the id. */
const KEPT_MINUTES = 5;

export function createReportAnswerStore(db: Database): ReportAnswerStore {
  return {
    keep: ({ venueId, connectionId }, report, content) =>
      withVenue(db, venueId, async (tx) => {
        await tx.delete(reportAnswers).where(lte(reportAnswers.expiresAt, sql`now()`));
        const id = uuidv7() as ReportAnswerId;
        const expiresAt = sql`now() + ${KEPT_MINUTES}::integer * interval '1 minute'`;
        await tx.insert(reportAnswers).values({ id, venueId, connectionId, report, content, expiresAt });
        return id;
      }),

    find: ({ venueId, connectionId }, id) =>
      withVenue(db, venueId, async (tx) => {
        const { content, readAt, expiresAt } = reportAnswers;
        const [row] = await tx
          .select({ content, readAt })
          .from(reportAnswers)
          .where(
            and(eq(reportAnswers.id, id), eq(reportAnswers.connectionId, connectionId), gt(expiresAt, sql`now()`)),
          );
        return row ?? null;
      }),
  };
}
