import { z } from 'zod';
import type { ErrorTable } from '../http/error-table.ts';
import { ProviderError } from '../provider-error.ts';
import type { Call } from '../provider.ts';

type Body = Readonly<Record<string, unknown>>;

const bodyOf = (json: unknown): Body | null =>
  typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Body) : null;

/** The code for a repeated idempotency key that was used with another request. */
const KEY_REUSED = 'idempotency-key-reused';

/**
 * Words for what Xero says in sentences, which may quote a name or a number. A sentence that no pattern knows has the
 * word `validation`. The sentences are as reported (https://github.com/Pinelab-studio/pinelab-vendure-plugins/issues/505,
 * https://github.com/calcinai/xero-php/issues/880, read 2026-11-29).
 */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/idempotency.?key.*different request/i, KEY_REUSED],
  [/contact number .*already/i, 'duplicate-contact-number'],
  [/contact name .*already|already assigned to another contact/i, 'duplicate-name'],
  [/invoice #? ?.*must be unique|invoice number .*already/i, 'duplicate-number'],
  [/code '.*' already exists|item .*already exists/i, 'duplicate-code'],
  [/email address/i, 'invalid-email'],
  [/archived/i, 'contact-archived'],
  [/lock(ed)? (date|period)|period is locked|end of year/i, 'period-locked'],
  [/not of valid status/i, 'status-not-changeable'],
  [/payment or credit note allocated/i, 'has-payments'],
  [/not subscribed to currency/i, 'currency-not-enabled'],
  [/item code .*not valid/i, 'item-unknown'],
  [/tax ?type/i, 'tax-type'],
  [/used on a transaction/i, 'item-in-use'],
  [/could not be found|does not exist/i, 'not-found'],
  [/not match the expected line total/i, 'line-total'],
  [/account code/i, 'account-missing'],
];

/** Xero’s sentence about a refused element, as one word. */
export const wordOf = (message: string): string =>
  SENTENCES.find(([pattern]) => pattern.test(message))?.[1] ?? 'validation';

const elementsSchema = z.object({
  Elements: z.array(z.object({ ValidationErrors: z.array(z.object({ Message: z.string() })) })),
});

/** Of a request that is refused as a whole, such as a deletion: its own sentence says only that an element is refused. */
function sentencesIn(body: Body): readonly string[] {
  const { data } = elementsSchema.safeParse(body);
  const messages =
    data?.Elements.flatMap(({ ValidationErrors }) => ValidationErrors.map(({ Message }) => Message)) ?? [];
  return [...(typeof body['Message'] === 'string' ? [body['Message']] : []), ...messages];
}

/** The words of a body: `ValidationException` with elements, or the gateway’s `Title` with `Detail`. */
function wordsOf(body: Body): readonly string[] {
  const { Type: type, Detail: detail } = body;
  const [reason] = typeof detail === 'string' ? (/^\w+/.exec(detail) ?? []) : [];
  const said = sentencesIn(body)
    .map(wordOf)
    .find((word) => word !== 'validation');
  return [said, reason, type].filter((word) => typeof word === 'string');
}

const isRefusal = (body: Body): boolean => 'ErrorNumber' in body || ('Title' in body && 'Detail' in body);

/**
 * The body is read first: a missing scope is a 401, a disconnected organisation a 403, and a 404 is plain text
 * (docs/providers/xero.md).
 */
export const XERO_ERRORS: ErrorTable = {
  provider: 'xero',
  faultIn(json, httpStatus) {
    const body = bodyOf(json);
    if (httpStatus < 300) return body && isRefusal(body) ? wordsOf(body) : null;
    if (httpStatus === 404) return [];
    return body === null ? 'foreign' : wordsOf(body);
  },
  byCode: {
    // The organisation was disconnected, its subscription has ended, or the user no longer has access to it
    // (https://github.com/XeroAPI/xero-php-oauth2/issues/147, read 2026-11-29).
    AuthenticationUnsuccessful: 'needs-reauth',
    // The consent does not cover the resource (https://github.com/XeroAPI/Xero-NetStandard/issues/97, read 2026-11-29).
    AuthorizationUnsuccessful: 'needs-reauth',
    // An earlier version of the record was sent under this key: it is looked up.
    [KEY_REUSED]: 'conflict',
    'duplicate-contact-number': 'conflict',
    OrganisationOfflineException: 'unavailable',
    RateLimitExceededException: 'rate-limited',
  },
  // A bare 403 says nothing of the organisation.
  foreignByStatus: { 403: 'unavailable' },
};

/** A wait longer than this is that of the window of a day: a minute’s window ends within a minute. */
const LONGEST_MINUTE_MS = 120_000;

/**
 * Xero refuses with 429 for the minute and for the day alike, and says in headers for which
 * (https://developer.xero.com/faq/limits, read 2026-11-29). Their words vary, so a long wait counts too.
 */
export const withDayLimit =
  (call: Call): Call =>
  (request) =>
    call(async (heard) => {
      let problem = '';
      try {
        return await request((headers) => {
          problem = headers.get('x-rate-limit-problem') ?? '';
          heard?.(headers);
        });
      } catch (error) {
        throw dayLimitOf(error, problem) ?? error;
      }
    });

function dayLimitOf(error: unknown, problem: string): ProviderError | null {
  if (!(error instanceof ProviderError) || error.details.kind !== 'rate-limited') return null;
  const isOfDay = /day/i.test(problem) || (error.details.retryAfterMs ?? 0) > LONGEST_MINUTE_MS;
  return isOfDay ? new ProviderError({ ...error.details, kind: 'quota-exhausted', code: 'day-limit' }) : null;
}
