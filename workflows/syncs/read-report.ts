import { ActivityFailure, isCancellation, proxyActivities } from '@temporalio/workflow';
import { FAILURE } from '../../contracts/failures.ts';
import type { ReadReportInput, ReadReportResult, ReportActivities, ReportRefusal } from '../../contracts/reports.ts';
import { PRIORITY, laneQueue } from '../../contracts/temporal.ts';
import { applicationFailureOf, detailsOf, refusalFor } from '../refusals.ts';

/**
 * Reads a provider's report on demand. A workflow, because only a worker can open the connection's credentials. A caller
 * waits for the answer, so waiting is left to the caller.
 */
export async function readReport(input: ReadReportInput): Promise<ReadReportResult> {
  const { fetchReport } = proxyActivities<ReportActivities>({
    taskQueue: laneQueue('interactive'),
    scheduleToCloseTimeout: '50 seconds',
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: input.venueId },
    retry: { initialInterval: '500 milliseconds' },
    summary: `Read ${input.report}`,
  });
  try {
    return { outcome: 'read', ...(await fetchReport(input)) };
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    const { retryAfterMs = null, httpStatus = null, code = null } = detailsOf(error);
    return { outcome: 'refused', refusal: reportRefusalFor(error), retryAfterMs, httpStatus, code };
  }
}

function reportRefusalFor(error: ActivityFailure): ReportRefusal {
  const type = applicationFailureOf(error)?.type;
  if (type === FAILURE.rateLimited) return 'rate-limited';
  if (type === FAILURE.quotaExhausted) return 'quota-exhausted';
  return detailsOf(error).code === 'body-too-large' ? 'too-large' : refusalFor(error);
}
