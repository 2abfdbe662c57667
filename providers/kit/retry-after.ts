const DAY_MS = 86_400_000;

/** `IMF-fixdate` and the obsolete forms of HTTP's dates, which all name the day of the week first. */
const BEGINS_LIKE_A_DATE = /^[A-Z][a-z]{2,8},? /;

/**
 * What `Retry-After` asks for, in seconds or as a date (RFC 9110, section 10.2.3); undefined when it asks for nothing. At
 * most a day: whoever needs longer says so again, while a mistaken answer would keep everybody from the account for as
 * long, since the pause is shared.
 */
export function retryAfterMs(header: string | null | undefined): number | undefined {
  const text = header?.trim() ?? '';
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : msUntil(text);
  return ms > 0 ? Math.min(Math.ceil(ms), DAY_MS) : undefined;
}

/** `Date.parse` also takes texts such as `3600.5` for dates. */
const msUntil = (text: string): number => (BEGINS_LIKE_A_DATE.test(text) ? Date.parse(text) - Date.now() : Number.NaN);
