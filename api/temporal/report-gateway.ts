import { WorkflowFailedError } from '@temporalio/client';
import { READ_REPORT, readReportWorkflowId } from '../../contracts/reports.ts';
import type { ReadReportInput, ReadReportResult } from '../../contracts/reports.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { connectionKeywords } from '../../domain/grants/connection-owner.ts';
import { startAttributes } from '../../domain/sync/search-attributes.ts';
import { CALL_TIMEOUT_MS, callTemporal, workerUnavailable } from './temporal-gateway.ts';
import type { StarterAccess } from './temporal-gateway.ts';

/**
 * Has a worker read a report from its provider, and waits for it. Throws ApiError `temporal-unavailable` when Temporal,
 * and `worker-unavailable` when no worker, answers in time. Safe to repeat.
 */
export interface ReportGateway {
  read(input: ReadReportInput): Promise<ReadReportResult>;
}

/** Above the activity's own limit of 50 s. */
const READ_TIMEOUT_MS = 55_000;

export function createReportGateway(access: StarterAccess): ReportGateway {
  return {
    async read({ venueId, connectionId, provider, report, from, to }) {
      const handle = await callTemporal(access, ({ workflow }) =>
        workflow.start<Reader>(READ_REPORT, {
          taskQueue: WORKFLOW_QUEUE,
          workflowId: readReportWorkflowId(connectionId, report, { from, to }),
          args: [{ venueId, connectionId, provider, report, from, to }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          workflowExecutionTimeout: READ_TIMEOUT_MS,
          typedSearchAttributes: startAttributes(
            connectionKeywords({ venueId, connectionId, provider }, 'reading-report'),
          ),
          staticSummary: `${access.providerName(provider)}: read ${report}`,
          priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
        }),
      );
      try {
        return await callTemporal(access, () => handle.result(), READ_TIMEOUT_MS + CALL_TIMEOUT_MS);
      } catch (error) {
        if (!(error instanceof WorkflowFailedError)) throw error;
        throw workerUnavailable('No worker has read the report in time.', error);
      }
    },
  };
}

type Reader = (input: ReadReportInput) => Promise<ReadReportResult>;
