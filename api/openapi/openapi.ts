import { OpenApiGeneratorV31, OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import type { ResponseConfig, RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { JSON_TYPE, NDJSON_TYPE } from '../http/body.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { NOT_FOUND, needsOpenVenue } from '../http/endpoint.ts';
import type { RecordKinds } from '../../records/registry.ts';
import { recordNotFoundCode, recordNotFoundProblem } from '../errors/record-problems.ts';
import type { Problem } from '../errors/service-problems.ts';
import { headersOf, idempotencyHeader, lastEventHeader, registerHeaders, requestIdHeader } from './openapi-headers.ts';
import type { AnswerKind } from './openapi-headers.ts';
import { plainPaths, SECURITY } from './openapi-plain-paths.ts';
import { AUTHENTICATION, DESCRIPTION } from './openapi-text.ts';
import { webhooks } from './openapi-webhooks.ts';
import { PROBLEMS } from '../errors/problems.ts';
import type { ProblemCode } from '../errors/problems.ts';
import { problem } from '../schemas/common.ts';
import { syncEvent } from '../schemas/sync-events.ts';
import type { Providers } from '../../providers/providers.ts';
import { reportName } from '../schemas/report.ts';
import { provider, PROVIDER_SCHEMA, resource, RESOURCE_SCHEMA } from '../schemas/words.ts';

const PROBLEM_TYPE = 'application/problem+json';

export interface OpenApiOptions {
  readonly publicUrl: string;
  readonly kinds: RecordKinds;
  readonly providers: Providers;
}

/** Builds the OpenAPI 3.1 document from the schemas that validate requests. */
export function buildOpenApi(endpoints: readonly Endpoint[], { publicUrl, kinds, providers }: OpenApiOptions): object {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', SECURITY, {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: AUTHENTICATION,
  });
  registerHeaders(registry);
  for (const endpoint of endpoints) registry.registerPath(describe(endpoint));
  for (const path of plainPaths(plainProblems, providers)) registry.registerPath(path);
  for (const message of webhooks()) registry.registerWebhook(message);
  // No answer refers to the events, because OpenAPI 3.1 describes a stream as text.
  const document = new OpenApiGeneratorV31([
    ...registry.definitions,
    { type: 'schema', schema: syncEvent },
  ]).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Interlock',
      version: '1',
      description: DESCRIPTION,
    },
    // Without scheme and host, because the reference page may only call its own origin, whatever its name.
    servers: [{ url: new URL(publicUrl).pathname }],
  });
  // Generic schemas are replaced by those of the kinds and providers that this process serves.
  const { schemas = {} } = document.components ?? {};
  Object.assign(schemas[RESOURCE_SCHEMA] ?? {}, { enum: kinds.names });
  Object.assign(schemas[PROVIDER_SCHEMA] ?? {}, { enum: providers.ids });
  return document;
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

function requestOf({
  path,
  query,
  bodyShown,
  bodyOptional,
  batch,
  idempotent,
  stream,
}: Endpoint): NonNullable<RouteConfig['request']> {
  const ids = idsIn(path);
  const headers = z.object({
    'X-Request-Id': requestIdHeader,
    ...(idempotent ? { 'Idempotency-Key': idempotencyHeader } : {}),
    ...(stream ? { 'Last-Event-ID': lastEventHeader } : {}),
  });
  const content = bodyShown
    ? { [JSON_TYPE]: { schema: bodyShown } }
    : batch
      ? { [JSON_TYPE]: { schema: batch.json }, [NDJSON_TYPE]: { schema: linesOf(batch.line) } }
      : null;
  return {
    headers,
    ...(ids.length > 0 ? { params: z.object(Object.fromEntries(ids.map((id) => [id, parameterOf(id)]))) } : {}),
    query: query as z.ZodObject,
    ...(content ? { body: { required: !bodyOptional, content } } : {}),
  };
}

/** OpenAPI 3.1 describes a body of many JSON values as text. */
const linesOf = (line: z.ZodType) =>
  z
    .string()
    .meta({ description: `On each line one \`${line.meta()?.id ?? ''}\` as JSON. Blank lines are passed over.` });

function answersOf({ answers, stream, idempotent }: Endpoint): RouteConfig['responses'] {
  const type = stream ? 'text/event-stream' : JSON_TYPE;
  const described = Object.entries(answers).map(([status, { description, schema, location }]) => {
    const headers = headersOf({ status: Number(status), counted: true, idempotent, located: location !== undefined });
    return [
      status,
      {
        description: location === undefined ? description : `${description} \`Location\`: ${location}`,
        headers,
        content: { [type]: { schema } },
      },
    ] as const;
  });
  const over = stream
    ? {
        204: {
          description: 'The reader has seen the end already.',
          headers: headersOf({ status: 204, counted: true }),
        },
      }
    : {};
  return { ...Object.fromEntries(described), ...over };
}

/** An operation that can find Temporal away can also be refused by it. */
const withRelated = (code: ProblemCode): readonly ProblemCode[] =>
  code === 'temporal-unavailable' ? [code, 'temporal-refused'] : [code];

/** Problems by status, with the codes that the operation can have. */
function problemsOf(endpoint: Endpoint): RouteConfig['responses'] {
  const codes = new Set<ProblemCode>([
    'invalid-request',
    'not-authenticated',
    'rate-limited',
    'internal',
    'database-unavailable',
    'database-busy',
    'authentication-unavailable',
  ]);
  if (endpoint.role !== 'viewer') codes.add('forbidden');
  if (endpoint.body || endpoint.batch) for (const code of BODY_PROBLEMS) codes.add(code);
  if (endpoint.idempotent) for (const code of IDEMPOTENCY_PROBLEMS) codes.add(code);
  for (const code of ownProblems(endpoint)) codes.add(code);
  return problemsBy(
    { ...problemsNamed(codes), ...recordProblems(endpoint) },
    { counted: true, idempotent: endpoint.idempotent },
  );
}

/** Problems of what the path names and of what the operation says itself. */
const ownProblems = (endpoint: Endpoint): ProblemCode[] => [
  ...(needsOpenVenue(endpoint) ? (['venue-closing'] as const) : []),
  ...idsIn(endpoint.path)
    .filter(isOurs)
    .map((id) => endpoint.notFound[id]),
  ...(endpoint.problems ?? []).flatMap(withRelated),
];

/** Temporary problems besides those of 429 and 503. */
const WAITING_PROBLEMS: readonly string[] = ['idempotency-in-flight', 'connection-disconnecting'];

const recordProblems = ({ recordKind }: Endpoint): Readonly<Record<string, Problem>> =>
  recordKind ? { [recordNotFoundCode(recordKind)]: recordNotFoundProblem(recordKind) } : {};

const problemsNamed = (codes: Iterable<ProblemCode>): Readonly<Record<string, Problem>> =>
  Object.fromEntries(Array.from(codes, (code) => [code, PROBLEMS[code]]));

/** Problems of paths outside /v1. */
const plainProblems = (
  codes: Iterable<ProblemCode>,
  kind: Omit<AnswerKind, 'status'>,
  content?: ResponseConfig['content'],
): RouteConfig['responses'] => problemsBy(problemsNamed(codes), kind, content);

function problemsBy(
  problems: Readonly<Record<string, Problem>>,
  kind: Omit<AnswerKind, 'status'>,
  content: ResponseConfig['content'] = { [PROBLEM_TYPE]: { schema: problem } },
): RouteConfig['responses'] {
  const byStatus = Map.groupBy(Object.entries(problems), ([, { status }]) => status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => {
      const description = group.map(([code, { title }]) => `\`${code}\`: ${title}.`).join(' ');
      const waits = status === 429 || status === 503 || group.some(([code]) => WAITING_PROBLEMS.includes(code));
      return [status, { description, headers: headersOf({ ...kind, status, waits }), content }];
    }),
  );
}

const BODY_PROBLEMS: readonly ProblemCode[] = [
  'malformed-json',
  'invalid-encoding',
  'too-deeply-nested',
  'too-many-values',
  'body-too-large',
  'unsupported-media-type',
  'malformed-request',
  'request-timeout',
];
const IDEMPOTENCY_PROBLEMS: readonly ProblemCode[] = ['idempotency-key-reused', 'idempotency-in-flight'];

const isOurs = (id: string): id is keyof typeof NOT_FOUND => Object.hasOwn(NOT_FOUND, id);

function parameterOf(id: string): z.ZodType {
  return { provider, resource, report: reportName }[id] ?? z.uuid();
}

function idsIn(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}
