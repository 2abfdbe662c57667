const REDACTED = '[redacted]';
const MAX_DEPTH = 8;
const MAX_CAUSES = 5;
/** Also bounds the time spent on the patterns. */
const MAX_TEXT_LENGTH = 8_192;

/** Matches anywhere in a name, ignoring case and punctuation: `accessToken`, `stripe-signature`, `JWT_SECRET`. */
const SECRET_NAME =
  /authorization|cookie|token|secret|signature|password|passphrase|credential|apikey|privatekey|encryptionkey|databaseurl/;
/**
 * Exact names of fields that hold secrets or personal data: SDK errors keep requests and answers there, database
 * drivers query parameters.
 */
const PRIVATE_NAMES = new Set([
  ...[
    'key',
    'raw',
    'rawbody',
    'body',
    'request',
    'response',
    'headers',
    'config',
    'params',
    'parameters',
    'detail',
    'payload',
  ],
  ...['email', 'phone', 'address', 'fields'],
]);

/** Secrets inside text: provider keys, bearer tokens, JWTs, user and password of a URL, e-mail addresses. */
const SECRETS_IN_TEXT = [
  /\b(?:[rsp]k_(?:test|live)|whsec)_\w+/g,
  /\bBearer\s+[\w.~+/=-]+/gi,
  /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g,
  /(?<=\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+(?=@)/gi,
  /\b[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b/gi,
];

export interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

function cleanText(text: string): string {
  // Redacts before it cuts, and leaves out a word that the first cut went through: half a secret no longer looks like one.
  const bounded = text.length > 2 * MAX_TEXT_LENGTH ? text.slice(0, 2 * MAX_TEXT_LENGTH).replace(/\S+$/, '') : text;
  const cleaned = SECRETS_IN_TEXT.reduce((some, secret) => some.replace(secret, REDACTED), bounded);
  return text.length > MAX_TEXT_LENGTH ? `${cleaned.slice(0, MAX_TEXT_LENGTH)}…` : cleaned;
}

/**
 * A copy for the log without secrets and private data. Reduces errors to kind, message, code and stack. Never throws,
 * and handles cycles.
 */
export function cleanValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value !== 'object' || value === null) return value;
  try {
    return cleanObject(value, depth);
  } catch {
    // A getter or toJSON threw. A log line must never fail a request.
    return '[unprintable]';
  }
}

function cleanObject(value: object, depth: number): unknown {
  if (value instanceof Error) return cleanError(value);
  if (ArrayBuffer.isView(value)) return '[bytes]';
  if (depth >= MAX_DEPTH) return '[too deep]';
  if ('toJSON' in value && typeof value.toJSON === 'function')
    return cleanValue((value as { toJSON(): unknown }).toJSON(), depth + 1);
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1));
  return cleanFields(value, depth + 1);
}

/** Like `cleanValue`, for the fields of one object. */
export function cleanFields(fields: object, depth = 0): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isPrivate(name) ? REDACTED : cleanValue(value, depth)]),
  );
}

/** Keeps kind, message, code, stack and causes, and drops everything else that an SDK attached to the error. */
function cleanError(error: Error, causes = 0): LoggedError {
  const { name, constructor, cause, code } = error as Error & { readonly code?: unknown };
  const message = messageOf(error);
  // Keep only the frames: the engine repeats the message in the stack.
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return {
    // The bundler renames a class that refers to itself, such as Drizzle's, to `_Name`.
    type: name === 'Error' ? constructor.name.replace(/^_/, '') : name,
    message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(frames ? { stack: frames.map(cleanText).join('\n') } : {}),
    ...(cause instanceof Error && causes < MAX_CAUSES ? { cause: cleanError(cause, causes + 1) } : {}),
  };
}

/** Drizzle appends the values of a failed query to its message: https://github.com/drizzle-team/drizzle-orm (errors.ts, 0.45). */
export function messageOf(error: Error): string {
  return cleanText(error.message.replace(/\nparams:[^]*$/, ''));
}

function isPrivate(name: string): boolean {
  const plain = name.toLowerCase().replace(/[^a-z]/g, '');
  return PRIVATE_NAMES.has(plain) || SECRET_NAME.test(plain);
}
