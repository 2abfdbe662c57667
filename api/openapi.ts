import { OpenApiGeneratorV31, OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import type { ResponseConfig, RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { PROVIDERS } from '../contracts/providers.ts';
import { JSON_TYPE, NDJSON_TYPE } from './body.ts';
import type { Endpoint } from './endpoint.ts';
import { NOT_FOUND, PATH_WORDS } from './endpoint.ts';
import { readinessAnswer } from './health.ts';
import { REFUSAL_CODES } from './authorization-problems.ts';
import { ATTEMPT_PATH, CALLBACK_PATH, CALLBACK_PROBLEMS } from './oauth-callback.ts';
import { PROBLEMS } from './problems.ts';
import type { ProblemCode } from './problems.ts';
import { problem } from './schemas/common.ts';
import { WEBHOOK_PATH, WEBHOOK_PROBLEM_CODES, webhookAnswer } from './webhooks.ts';

const PROBLEM_TYPE = 'application/problem+json';
const SECURITY = 'token';

const requestIdHeader = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/).optional().meta({ description: 'Taken over when it is sane; made otherwise.' });
const idempotencyHeader = z
  .string()
  .min(1)
  .max(255)
  .optional()
  .meta({ description: 'Kept 7 days for this caller and path: a repeat gets the first answer again, with `Idempotency-Replayed: true`.' });
const lastEventHeader = z.string().optional().meta({ description: 'Id of the last event seen.' });

const callbackQuery = z.object({
  state: z.string(),
  code: z.string().optional(),
  error: z.string().optional(),
  realmId: z.string().optional().meta({ description: 'QuickBooks Online: the company.' }),
});

const answerHeaders = { 'X-Request-Id': { schema: { type: 'string' as const }, description: 'Names the request in answers and logs.' } };

/** The OpenAPI 3.1 document, from the very schemas that requests are checked with. */
export function buildOpenApi(endpoints: readonly Endpoint[], publicUrl: string): object {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', SECURITY, { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' });
  for (const endpoint of endpoints) registry.registerPath(describe(endpoint));
  for (const path of plainPaths()) registry.registerPath(path);
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Interlock',
      version: '1',
      description: 'Keeps a venue’s records in step with the services it sells, bills and writes through.',
    },
    // Without scheme and host: the reference page may only call the origin that it came from, under whatever name that was reached.
    servers: [{ url: new URL(publicUrl).pathname }],
  });
}

function describe(endpoint: Endpoint): RouteConfig {
  const { name, summary, description, tag, method, path, role } = endpoint;
  return {
    operationId: name,
    summary,
    description: [description, `Role: ${role}.`].filter(Boolean).join(' '),
    tags: [tag],
    method,
    path,
    security: [{ [SECURITY]: [] }],
    request: requestOf(endpoint),
    responses: { ...answersOf(endpoint), ...problemsOf(endpoint) },
  };
}

function requestOf({ path, query, body, bodyOptional, batch, idempotent, stream }: Endpoint): NonNullable<RouteConfig['request']> {
  const ids = idsIn(path);
  const headers = z.object({
    'X-Request-Id': requestIdHeader,
    ...(idempotent ? { 'Idempotency-Key': idempotencyHeader } : {}),
    ...(stream ? { 'Last-Event-ID': lastEventHeader } : {}),
  });
  const content = body ? { [JSON_TYPE]: { schema: body } } : batch ? { [JSON_TYPE]: { schema: batch.json }, [NDJSON_TYPE]: { schema: batch.line } } : null;
  return {
    headers,
    ...(ids.length > 0 ? { params: z.object(Object.fromEntries(ids.map((id) => [id, parameterOf(id)]))) } : {}),
    query: query as z.ZodObject,
    ...(content ? { body: { required: !bodyOptional, content } } : {}),
  };
}

function answersOf({ answers, stream }: Endpoint): RouteConfig['responses'] {
  const type = stream ? 'text/event-stream' : JSON_TYPE;
  const described = Object.entries(answers).map(([status, { description, schema }]) => [status, { description, headers: answerHeaders, content: { [type]: { schema } } }] as const);
  const over = stream ? { 204: { description: 'The reader has seen the end already.', headers: answerHeaders } } : {};
  return { ...Object.fromEntries(described), ...over };
}

/** Whoever can find Temporal away can be refused by it. */
const withRelated = (code: ProblemCode): readonly ProblemCode[] => (code === 'temporal-unavailable' ? [code, 'temporal-refused'] : [code]);

/** Problems by status, with the codes that each can have here. */
function problemsOf(endpoint: Endpoint): RouteConfig['responses'] {
  const codes = new Set<ProblemCode>(['invalid-request', 'not-authenticated', 'rate-limited', 'internal', 'database-unavailable', 'authentication-unavailable']);
  if (endpoint.role !== 'viewer') codes.add('forbidden');
  if (endpoint.body || endpoint.batch) for (const code of BODY_PROBLEMS) codes.add(code);
  if (endpoint.idempotent) for (const code of IDEMPOTENCY_PROBLEMS) codes.add(code);
  for (const id of idsIn(endpoint.path)) codes.add(NOT_FOUND[id]);
  for (const code of (endpoint.problems ?? []).flatMap(withRelated)) codes.add(code);
  return problemsBy(codes, { headers: answerHeaders, content: { [PROBLEM_TYPE]: { schema: problem } } });
}

function problemsBy(codes: Iterable<ProblemCode>, answer: Omit<ResponseConfig, 'description'>): RouteConfig['responses'] {
  const byStatus = Map.groupBy(new Set(codes), (code) => PROBLEMS[code].status);
  return Object.fromEntries([...byStatus].map(([status, group]) => [status, { description: group.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '), ...answer }]));
}

const BODY_PROBLEMS: readonly ProblemCode[] = ['malformed-json', 'invalid-encoding', 'too-deeply-nested', 'too-many-values', 'body-too-large', 'unsupported-media-type'];
const IDEMPOTENCY_PROBLEMS: readonly ProblemCode[] = ['idempotency-key-reused', 'idempotency-in-flight'];

function parameterOf(id: keyof typeof NOT_FOUND): z.ZodType {
  const words = PATH_WORDS[id];
  return words ? z.enum(words) : z.uuid();
}

function idsIn(path: string): (keyof typeof NOT_FOUND)[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as keyof typeof NOT_FOUND);
}

/** What needs no token. */
function plainPaths(): RouteConfig[] {
  const plain = (path: string, name: string, summary: string) => ({ method: 'get' as const, path, operationId: name, summary, tags: ['Service'], security: [] });
  const json = (schema: z.ZodType) => ({ content: { [JSON_TYPE]: { schema } }, headers: answerHeaders });
  const html = { content: { 'text/html': { schema: z.string() } }, headers: answerHeaders };
  const alive = z.object({ status: z.literal('ok') });
  return [
    { ...plain('/health/live', 'live', 'Is the process alive?'), responses: { 200: { description: 'Alive.', ...json(alive) } } },
    {
      ...plain('/health/ready', 'ready', 'May the process take traffic?'),
      responses: { 200: { description: 'Postgres and Temporal answer.', ...json(readinessAnswer) }, 503: { description: 'One of them does not.', ...json(readinessAnswer) } },
    },
    { ...plain('/openapi.json', 'openapi', 'This document'), responses: { 200: { description: 'OpenAPI 3.1.', ...json(z.object({ openapi: z.string() }).loose()) } } },
    { ...plain('/docs', 'docs', 'This document as a page'), responses: { 200: { description: 'The reference.', ...html } } },
    {
      ...plain(CALLBACK_PATH, 'oauthCallback', 'Where providers send account owners back to'),
      description: 'Answers a page for people, or sends them on to the `returnUrl` of their attempt (303). Not for programs: the `state` works once.',
      request: { params: z.object({ provider: z.enum(PROVIDERS) }), query: callbackQuery },
      responses: {
        200: { description: 'Connected.', ...html },
        202: { description: 'Approved, and still being finished.', ...html },
        303: { description: 'Back to the `returnUrl`, with `connectionId`, `outcome` and `code`.', headers: answerHeaders },
        ...problemsBy(CALLBACK_PROBLEMS, html),
      },
    },
    {
      ...plain(ATTEMPT_PATH, 'oauthAttempt', 'What became of an attempt to connect, for its visitor'),
      request: { params: z.object({ attempt: z.string() }) },
      responses: { 200: { description: 'Connected.', ...html }, 202: { description: 'Still being finished.', ...html }, ...problemsBy(['authorization-not-found', 'authorization-failed', ...Object.values(REFUSAL_CODES)], html) },
    },
    {
      ...plain(WEBHOOK_PATH, 'webhook', 'Where providers send events to'),
      method: 'post',
      description: 'Takes Stripe’s `account.application.deauthorized` and Square’s `oauth.authorization.revoked`, signed. Another type of event is answered 200 and not kept.',
      request: { params: z.object({ provider: z.enum(PROVIDERS) }), body: { required: true, content: { [JSON_TYPE]: { schema: z.object({ type: z.string() }).loose() } } } },
      responses: { 200: { description: 'Taken: it need not be sent again.', ...json(webhookAnswer) }, ...problemsBy(WEBHOOK_PROBLEM_CODES, { headers: answerHeaders, content: { [PROBLEM_TYPE]: { schema: problem } } }) },
    },
    { ...plain('/docs/errors', 'errors', 'Every problem code'), responses: { 200: { description: 'What each means and what to do.', ...html } } },
  ];
}
