import { ApiError } from '../../../api/errors/api-error.ts';
import type { ReportGateway } from '../../../api/temporal/report-gateway.ts';
import type { ReadReportInput, ReadReportResult } from '../../../contracts/reports.ts';

/** In-memory replacement for the workflow that reads reports. Tests choose what comes of it. */
export class RecordedReports implements ReportGateway {
  readonly asked: ReadReportInput[] = [];
  onRead: ((input: ReadReportInput) => Promise<ReadReportResult>) | null = null;

  read(input: ReadReportInput): Promise<ReadReportResult> {
    this.asked.push(input);
    return (
      this.onRead?.(input) ??
      Promise.reject(
        new ApiError('temporal-unavailable', 'The workflow service cannot be reached at the moment.', {
          retryAfterMs: 2_000,
        }),
      )
    );
  }
}
