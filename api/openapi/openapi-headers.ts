import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { IDEMPOTENCY_KEY } from '../http/idempotency.ts';
import { LAST_EVENT_ID } from '../syncs/sync-event-reader.ts';

// Headers of requests

/** Has no pattern, because an invalid value is replaced and not rejected. */
export const requestIdHeader = z.string().optional().meta({
  description:
    'Names the request in answers, logs and the audit trail. Taken over when it is 1–128 letters, digits, `.`, `_` or `-`; replaced otherwise.',
});

export const idempotencyHeader = z.string().regex(IDEMPOTENCY_KEY).optional().meta({
  description:
    '1–255 printable ASCII characters. Kept 7 days for this caller and path: a repeat gets the first answer again, with `Idempotency-Replayed: true`.',
});

export const lastEventHeader = z
  .string()
  .regex(LAST_EVENT_ID)
  .optional()
  .meta({ description: 'Id of the last event seen: the stream goes on behind it.', example: '17-3' });

// Headers of answers

const text = { type: 'string' as const };

const ANSWER_HEADERS = {
  'X-Request-Id': {
    required: true,
    description: 'Names the request in answers, logs and the audit trail.',
    schema: { ...text, pattern: '^[A-Za-z0-9._-]{1,128}$' },
  },
  'Interlock-Warning': {
    description: '`development-keyring`: credentials are sealed under a key of this machine. Never in production.',
    schema: { ...text, enum: ['development-keyring'] },
  },
  'Cache-Control': { description: '`no-store` on whatever belongs to a caller.', schema: text },
  Location: {
    description: 'What was made, or the run or job to look at.',
    schema: { ...text, format: 'uri-reference' },
  },
  'Set-Cookie': {
    description:
      'Marks the browser that has opened the link of an attempt to connect, for an hour: `__Host-interlock-connect-…`; without the prefix where the public URL is http.',
    schema: text,
  },
  'Idempotency-Replayed': {
    description: 'This is the answer to an earlier request with the same `Idempotency-Key`.',
    schema: { ...text, enum: ['true'] },
  },
  'RateLimit-Policy': {
    description:
      'The limits that count this request, as `"name";q=requests;w=seconds` (draft-ietf-httpapi-ratelimit-headers-08).',
    schema: text,
  },
  RateLimit: {
    description: 'What is left of each limit, as `"name";r=requests left;t=seconds until it is full again`.',
    schema: text,
  },
  'Retry-After': {
    description: 'Seconds after which a repeat makes sense.',
    schema: { type: 'integer' as const, minimum: 1 },
  },
  'WWW-Authenticate': { description: 'What the request lacks (RFC 6750).', schema: text },
};

type AnswerHeader = keyof typeof ANSWER_HEADERS;

export function registerHeaders(registry: OpenAPIRegistry): void {
  for (const [name, header] of Object.entries(ANSWER_HEADERS)) registry.registerComponent('headers', name, header);
}

type HeaderRefs = Readonly<Record<string, { readonly $ref: string }>>;

const refs = (names: readonly AnswerHeader[]): HeaderRefs =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

/** Headers of every answer. */
const ALWAYS: readonly AnswerHeader[] = ['X-Request-Id', 'Interlock-Warning', 'Cache-Control'];

export interface AnswerKind {
  readonly status: number;
  /** Whether a limit counts the request, by its token or its address. */
  readonly counted: boolean;
  /** Whether the operation accepts `Idempotency-Key`. */
  readonly idempotent?: boolean;
  readonly located?: boolean;
  readonly marksBrowser?: boolean;
  /** Whether one of the answer's problems has a time to wait. */
  readonly waits?: boolean;
}

export function headersOf(kind: AnswerKind): HeaderRefs {
  return refs([...ALWAYS, ...SOMETIMES.filter(([, isThere]) => isThere(kind)).map(([name]) => name)]);
}

const SOMETIMES: readonly (readonly [AnswerHeader, (kind: AnswerKind) => boolean])[] = [
  ['RateLimit-Policy', ({ counted, status }) => counted && status !== 401],
  ['RateLimit', ({ counted, status }) => counted && status !== 401],
  ['Location', ({ located = false }) => located],
  ['Set-Cookie', ({ marksBrowser = false }) => marksBrowser],
  // Answers from 500 up are not stored, and authentication and rate limits come before the key.
  [
    'Idempotency-Replayed',
    ({ idempotent = false, status }) => idempotent && status < 500 && status !== 401 && status !== 429,
  ],
  ['Retry-After', ({ waits = false }) => waits],
  ['WWW-Authenticate', ({ status }) => status === 401],
];
