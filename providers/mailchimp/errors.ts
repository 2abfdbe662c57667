import type { ErrorTable } from '../http/error-table.ts';
import { textAt } from '../items.ts';

/**
 * What Mailchimp writes in `detail`, or as the error of one member of a batch, by what it means. It has a code for
 * neither (https://github.com/mailchimp/mailchimp-client-lib-codegen/pull/303, read 2026-11-29). The texts name the
 * address, so only these codes leave the adapter.
 */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  // https://github.com/ibericode/mailchimp-for-wordpress/issues/798, read 2026-11-29.
  [/compliance state/i, 'member-in-compliance-state'],
  [/permanently deleted/i, 'address-was-deleted-for-good'],
  // https://github.com/JustFixNYC/tenants2/issues/1554, read 2026-11-29.
  [/looks fake or invalid/i, 'address-looks-fake'],
  // https://github.com/ibericode/mailchimp-for-wordpress/issues/506, read 2026-11-29.
  [/signed up to a lot of lists/i, 'address-signs-up-too-often'],
  [/provide a valid email/i, 'address-invalid'],
  [/already a list member/i, 'address-taken'],
  // https://github.com/verbb/formie/issues/2387, read 2026-11-29.
  // https://github.com/mailchimp/mailchimp-client-lib-codegen/issues/11, read 2026-11-29.
  [/couldn.t verify the url/i, 'webhook-url-not-reachable'],
  [/merge fields were invalid|complete address/i, 'merge-field-invalid'],
];

/** The code of a text of Mailchimp's; null for one of no known meaning. */
export const meaningOf = (text: string | null): string | null =>
  MEANINGS.find(([pattern]) => text !== null && pattern.test(text))?.[1] ?? null;

/** A problem's title as a code: titles are all that tells problems apart. */
const codeOfTitle = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 64);

const firstErrorIn = (json: unknown): unknown => {
  const errors: unknown = typeof json === 'object' && json !== null && 'errors' in json ? json.errors : null;
  return Array.isArray(errors) ? (errors as unknown[])[0] : undefined;
};

/**
 * Errors are problem documents. A 403 that is not one comes from a gateway and asks to slow down
 * (https://mailchimp.com/developer/marketing/docs/errors/, read 2026-11-21).
 */
export const MAILCHIMP_ERRORS: ErrorTable = {
  provider: 'mailchimp',
  faultIn(json, httpStatus) {
    if (httpStatus < 300) return null;
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'foreign';
    const title = textAt(json, 'title');
    const meaning = meaningOf(textAt(json, 'detail')) ?? meaningOf(textAt(firstErrorIn(json), 'message'));
    return [meaning, title === null ? null : codeOfTitle(title)].filter((word) => word !== null);
  },
  fieldIn: (json) => textAt(firstErrorIn(json), 'field'),
  byCode: {},
  byStatus: { 403: 'needs-reauth' },
  foreignByStatus: { 403: 'unavailable' },
};
