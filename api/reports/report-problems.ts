import { REPEAT_LATER } from '../errors/service-problems.ts';
import type { Problem } from '../errors/service-problems.ts';

/** Problems of reports that are read on demand. */
export const REPORT_PROBLEMS = {
  'report-not-found': {
    status: 404,
    title: 'No such report',
    meaning: 'No provider makes a report of this name.',
    remedy: 'Choose a report that `GET /v1/integrations/{provider}` lists.',
  },
  'report-not-supported': {
    status: 422,
    title: 'The provider does not make this report',
    meaning: 'Another provider makes a report of this name, and the connection’s does not.',
    remedy: 'Choose a report that `detail` lists.',
  },
  'report-too-large': {
    status: 422,
    title: 'The report is too large',
    meaning: 'The provider’s answer is larger than this service reads at once. Nothing of it is shown.',
    remedy: 'Ask for fewer days.',
  },
  'provider-quota-exhausted': {
    status: 503,
    title: 'What the provider allows in its window is used up',
    meaning:
      'The provider, or this service’s own count of its calls, allows no more reads until its window ends: a day at some providers, a month at others.',
    remedy: REPEAT_LATER,
  },
} as const satisfies Record<string, Problem>;
