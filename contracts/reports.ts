import type { ConnectionId, ConnectionRef, ReportAnswerId } from './ids.ts';
import type { AuthorizationRefusal } from './connections.ts';
import type { ProviderId } from './providers.ts';

/** What a report covers: days from one to another, the state at the end of a day, or everything that there is. */
export const REPORT_PERIODS = ['range', 'day', 'none'] as const;
export type ReportPeriod = (typeof REPORT_PERIODS)[number];

/** A report that a provider makes on demand. */
export interface ReportDefinition {
  /** Kebab-case; part of a path of the API. */
  readonly id: string;
  readonly title: string;
  /** `day` takes the last day alone. */
  readonly period: ReportPeriod;
  /** Permissions that a connection needs to read it. Absent: every grant allows it. */
  readonly scopes?: readonly string[];
}

/** `amount` and `number` are decimal text, `day` is `YYYY-MM-DD`, `time` is ISO 8601. */
export const REPORT_COLUMN_TYPES = ['text', 'amount', 'number', 'day', 'time'] as const;

export interface ReportColumn {
  /** Names the column for programs; unique in its report. */
  readonly key: string;
  /** Names the column for people. */
  readonly title: string;
  readonly type: (typeof REPORT_COLUMN_TYPES)[number];
}

/** `heading` opens a section, whose rows are one level deeper and end with its `total`. */
export const REPORT_ROW_KINDS = ['heading', 'entry', 'total'] as const;

export interface ReportRow {
  readonly kind: (typeof REPORT_ROW_KINDS)[number];
  /** How many sections it stands in. */
  readonly depth: number;
  /** The provider's id of what the row is about; null where it names none. */
  readonly externalId: string | null;
  /** One for each column; null where the provider writes nothing. Amounts are exact: they never were floating-point. */
  readonly cells: readonly (string | null)[];
}

/** A provider's report as rows. */
export interface ProviderReport {
  readonly columns: readonly ReportColumn[];
  readonly rows: readonly ReportRow[];
  /** Of amounts; null where the report has none, or of several currencies. */
  readonly currency: string | null;
  /** How an accounting provider counts: when something is owed, or when it is paid. Null where it does not tell. */
  readonly basis: 'accrual' | 'cash' | null;
  /** Rows are missing at the end: the report is larger than the provider or this service shows. */
  readonly truncated: boolean;
}

/** The days of a report, as its period asks for them. */
export interface ReportDays {
  /** First day; null where the report takes none. */
  readonly from: string | null;
  /** Last day; null where the report takes none. */
  readonly to: string | null;
}

// Workflow histories store every name and shape below: add fields, never rename or reuse one.

/** Reads one report from its provider. Its rows go through the database, never through a history. */
export const READ_REPORT = 'readReport';
/** One reading at a time: concurrent callers get the same rows. */
export const readReportWorkflowId = (connectionId: ConnectionId, report: string, { from, to }: ReportDays): string =>
  `report/${connectionId}/${report}/${from ?? ''}/${to ?? ''}`;

export interface ReadReportInput extends ConnectionRef, ReportDays {
  readonly provider: ProviderId;
  readonly report: string;
}

/** Why a report could not be read. */
export type ReportRefusal = AuthorizationRefusal | 'rate-limited' | 'quota-exhausted' | 'too-large';

export type ReadReportResult =
  | { readonly outcome: 'read'; readonly answerId: ReportAnswerId }
  | {
      readonly outcome: 'refused';
      readonly refusal: ReportRefusal;
      /** When to try again; null when nobody knows. */
      readonly retryAfterMs: number | null;
      /** The provider's status and code, never its text. */
      readonly httpStatus: number | null;
      readonly code: string | null;
    };

/** Runs on the provider's interactive queue. */
export interface ReportActivities {
  /** Reads the report and stores its rows for the caller. */
  readonly fetchReport: (input: ReadReportInput) => Promise<{ readonly answerId: ReportAnswerId }>;
}
