/** Appended to a return URL; a caller's own query must not carry them. */
export const RETURN_PARAMETERS = ['connectionId', 'outcome', 'code'] as const;
export type ReturnParameters = Readonly<Record<'connectionId' | 'outcome', string> & Partial<Record<'code', string>>>;

export const MAX_RETURN_URL_LENGTH = 2_000;

/** One entry of the allow-list: an origin, and the path under which everything may be returned to. */
interface AllowedPrefix {
  readonly origin: string;
  readonly path: string;
}

export type ReturnUrlCheck = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Where owners may be sent back to. Pure: nothing is resolved or fetched, so a name that points elsewhere tomorrow gains nothing here. */
export interface ReturnUrls {
  check(text: string): ReturnUrlCheck;
}

const PRINTABLE = /^[\x21-\x7e]+$/;
/** A slash, backslash, dot, percent sign or control character in disguise: whoever decodes the path once more reads another path. */
const DISGUISED = /%(?:2[ef5]|5c|[01][0-9a-f]|7f)/i;

/**
 * The check for this allow-list. Entries are absolute URLs without query and fragment; throws TypeError for any other, so that a
 * mistake shows at start-up. What an entry does not name exactly, scheme and port included, is refused: private addresses too.
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

/** The URL with what became of the attempt in its query. */
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
    // What was checked is then what a browser opens.
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

/** The URL, or why it is none of ours. */
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

/** On a boundary between segments: `/app` lets `/app/x` in and not `/apple`. */
function lies(url: URL, { origin, path }: AllowedPrefix): boolean {
  return url.origin === origin && (url.pathname === path || url.pathname.startsWith(`${path}/`));
}
