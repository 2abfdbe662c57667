import type { ReadReportResult, ReportRefusal } from '../../contracts/reports.ts';
import { REFUSAL_CODES } from '../connections/authorization-problems.ts';
import { ApiError } from '../errors/api-error.ts';

/** The problems of an operation that reads a report. */
export const READING_PROBLEMS = [
  'report-not-supported',
  'report-too-large',
  'connection-not-active',
  'scopes-missing',
  'credentials-refused',
  'credentials-insufficient',
  'provider-app-refused',
  'provider-refused',
  'provider-unexpected-response',
  'provider-unreachable',
  'provider-unavailable',
  'provider-rate-limited',
  'provider-quota-exhausted',
  'vault-unavailable',
  'temporal-unavailable',
  'worker-unavailable',
] as const;
type ReadingProblem = (typeof READING_PROBLEMS)[number];

const OWN: Readonly<Partial<Record<ReportRefusal, ReadingProblem>>> = {
  'rate-limited': 'provider-rate-limited',
  'quota-exhausted': 'provider-quota-exhausted',
  'too-large': 'report-too-large',
};

const DETAILS: Readonly<Partial<Record<ReadingProblem, string>>> = {
  'report-too-large': 'The report is larger than this service reads at once. Ask for fewer days.',
  'credentials-refused':
    'The provider no longer accepts the connection’s access. Have it approved again: POST …/reauthorize, or enter a valid key: PATCH …/connections/{connectionId}.',
  'credentials-insufficient': 'The connection’s access does not cover this report.',
  'provider-rate-limited': 'The provider’s rate limit is reached, and syncs of the account share it.',
  'provider-quota-exhausted': 'What the provider allows in its window is used up. Writes may go on.',
};

/** Without a time of the provider's: a throttled account of Intuit's asks for a minute, which is the longest. */
const RETRY_AFTER_MS = 60_000;

/** Why a report was not read, as a problem that says what to do. */
export function reportProblem(result: Extract<ReadReportResult, { outcome: 'refused' }>): ApiError {
  const { refusal, retryAfterMs, httpStatus, code: told } = result;
  const code = codeOf(refusal);
  const what = DETAILS[code] ?? 'The provider could not be asked for the report.';
  const answered = httpStatus === null ? '' : ` (http ${httpStatus}${told === null ? '' : `, ${told}`})`;
  const error = new ApiError(code, `${what}${answered}`);
  return error.status === 503
    ? new ApiError(code, `${what}${answered}`, { retryAfterMs: retryAfterMs ?? RETRY_AFTER_MS })
    : error;
}

function codeOf(refusal: ReportRefusal): ReadingProblem {
  const own = OWN[refusal];
  if (own) return own;
  const code = REFUSAL_CODES[refusal as keyof typeof REFUSAL_CODES];
  return READING_PROBLEMS.find((problem) => problem === code) ?? 'worker-unavailable';
}
