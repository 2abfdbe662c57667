/** Appended to a return URL. A caller's own query must not contain them. */
const RETURN_PARAMETERS = ['connectionId', 'outcome', 'code'] as const;
export type ReturnParameters = Readonly<Record<'connectionId' | 'outcome', string> & Partial<Record<'code', string>>>;

export const MAX_RETURN_URL_LENGTH = 2_000;

/** One entry of the allow-list: an origin and a path. Everything under the path is allowed. */
interface AllowedPrefix {
  readonly origin: string;
  readonly path: string;
}

export type ReturnUrlCheck = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * Where account owners may be sent back to. Pure: it resolves and fetches nothing, so a name that later points
 * elsewhere gains nothing.
 */
export interface ReturnUrls {
  check(text: string): ReturnUrlCheck;
}

const PRINTABLE = /^[\x21-\x7e]+$/;
/** An encoded slash, backslash, dot, percent sign or control character: decoding the path again would change it. */
const DISGUISED = /%(?:2[ef5]|5c|[01][0-9a-f]|7f)/i;

/**
 * The check for this allow-list. Entries are absolute URLs without query and fragment; throws TypeError for any other,
 * so that a mistake shows at startup. Refuses everything that no entry covers exactly, scheme and port included, and
 * private addresses too.
 */
export function createReturnUrls(entries: readonly string[]): ReturnUrls {
  const allowed = entries.map(toPrefix);
  return {
    check(text) {
      const reason = refusalOf(text, allowed);
      return reason === null ? { ok: true } : { ok: false, reason };
    },
  };
}

/** Adds the outcome of the attempt to the URL's query. */
export function withOutcome(returnUrl: string, parameters: ReturnParameters): string {
  const url = new URL(returnUrl);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.append(name, value);
  return url.href;
}

function toPrefix(entry: string): AllowedPrefix {
  const url = new URL(entry);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '' || !isWeb(url)) {
    throw new TypeError('A return URL must be an http or https URL without user, password, query and fragment');
  }
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, '') };
}

function refusalOf(text: string, allowed: readonly AllowedPrefix[]): string | null {
  const url = parse(text);
  if (typeof url === 'string') return url;
  const own = RETURN_PARAMETERS.find((name) => url.searchParams.has(name));
  if (own !== undefined) return `Its query must not hold ${own}: it is added on the way back`;
  if (allowed.some((prefix) => lies(url, prefix))) return null;
  return allowed.length === 0
    ? 'This service sends nobody back: RETURN_URLS is not set'
    : 'Lies under none of the URLs in RETURN_URLS';
}

interface Rule<Subject> {
  readonly broken: (subject: Subject) => boolean;
  readonly reason: string;
}

const TEXT_RULES: readonly Rule<string>[] = [
  {
    broken: (text) => text.length > MAX_RETURN_URL_LENGTH,
    reason: `Must be at most ${MAX_RETURN_URL_LENGTH} characters`,
  },
  {
    broken: (text) => !PRINTABLE.test(text),
    reason: 'Must be printable ASCII without spaces; a name in other letters in its xn-- form',
  },
  { broken: (text) => /[\\#]/.test(text), reason: 'Must hold neither a backslash nor a fragment' },
  { broken: (text) => !URL.canParse(text), reason: 'Must be an absolute URL' },
];

const URL_RULES: readonly Rule<{ readonly text: string; readonly url: URL }>[] = [
  { broken: ({ url }) => !isWeb(url), reason: 'Must be an http or https URL' },
  { broken: ({ text }) => /^[^/]*\/\/[^/]*@/.test(text), reason: 'Must hold no user and no password' },
  { broken: ({ url }) => url.hostname.endsWith('.'), reason: 'Its host must not end with a dot' },
  {
    // Ensures that the browser opens exactly the URL that was checked.
    broken: ({ text, url }) => url.href !== text && url.href !== `${text}/`,
    reason:
      'Must be written as a browser would show it: lower-case host, no default port, no dot segments, no odd forms of an address',
  },
  {
    broken: ({ url }) => /\/\/|\/\.{1,2};/.test(url.pathname),
    reason: 'Its path must hold no empty segment and no dots before a semicolon: some servers read another path there',
  },
  {
    broken: ({ url }) => DISGUISED.test(url.pathname) || !isDecodable(url.pathname),
    reason:
      'Its path must hold no percent-encoded slash, backslash, dot, percent sign or control character, and nothing that is not UTF-8',
  },
];

/** The parsed URL, or why it is not allowed. */
function parse(text: string): URL | string {
  const wrongText = TEXT_RULES.find(({ broken }) => broken(text));
  if (wrongText) return wrongText.reason;
  const url = new URL(text);
  return URL_RULES.find(({ broken }) => broken({ text, url }))?.reason ?? url;
}

const isWeb = ({ protocol }: URL): boolean => protocol === 'https:' || protocol === 'http:';

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Compares whole path segments: `/app` covers `/app/x` but not `/apple`. */
function lies(url: URL, { origin, path }: AllowedPrefix): boolean {
  return url.origin === origin && (url.pathname === path || url.pathname.startsWith(`${path}/`));
}
