import type { ResponseConfig, RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { REFUSAL_CODES } from '../connections/authorization-problems.ts';
import { JSON_TYPE } from '../http/body.ts';
import { deepHealthAnswer, readinessAnswer } from '../schemas/health.ts';
import { AUTHORIZE_PATH } from '../connections/authorization-link.ts';
import { CALLBACK_PATH, CALLBACK_PROBLEMS } from '../connections/oauth-callback.ts';
import { ATTEMPT_PATH } from '../connections/oauth-outcome-pages.ts';
import { headersOf } from './openapi-headers.ts';
import type { AnswerKind } from './openapi-headers.ts';
import { RECORDS_PAGE } from './records-page.ts';
import type { ProblemCode } from '../errors/problems.ts';
import { callbackParametersOf } from '../../providers/kit/define-provider.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { Providers } from '../../providers/providers.ts';
import { provider } from '../schemas/words.ts';
import {
  answeredWithoutBody,
  CONNECTION_WEBHOOK_PATH,
  WEBHOOK_PATH,
  WEBHOOK_PROBLEM_CODES,
  webhookAnswer,
  webhookPathOf,
} from '../webhooks/webhooks.ts';

const callbackQuery = (providers: Providers) => {
  const own = providers.ids.flatMap((id) => Object.entries(callbackParametersOf(providers.definition(id))));
  return z.object({
    state: z.string(),
    code: z.string().optional(),
    error: z.string().optional(),
    ...Object.fromEntries(own.map(([name, { description }]) => [name, z.string().optional().meta({ description })])),
  });
};

const alive = z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' });
const openApiDocument = z.object({ openapi: z.string() }).loose().meta({ id: 'OpenApiDocument' });
const providerEvent = z.object({ type: z.string() }).loose().meta({ id: 'ProviderEvent' });
const FORM_TYPE = 'application/x-www-form-urlencoded';
const providerForm = z.object({ type: z.string() }).loose().meta({ id: 'ProviderForm' });

const HTML = { 'text/html': { schema: z.string() } };
const uncounted = { counted: false };
const visited = { counted: true };

const json = (schema: z.ZodType, status = 200) => ({
  content: { [JSON_TYPE]: { schema } },
  headers: headersOf({ ...uncounted, status }),
});
const html = (kind: { readonly counted: boolean }) => ({ content: HTML, headers: headersOf({ ...kind, status: 200 }) });
/** The name of the scheme by which tokens are sent. */
export const SECURITY = 'token';

const plain = (path: string, name: string, summary: string) => ({
  method: 'get' as const,
  path,
  operationId: name,
  summary,
  tags: ['Service'],
  security: [],
});

export type DescribeProblems = (
  codes: Iterable<ProblemCode>,
  kind: Omit<AnswerKind, 'status'>,
  content?: ResponseConfig['content'],
) => RouteConfig['responses'];

/** Paths that need no token. */
export function plainPaths(problemsBy: DescribeProblems, providers: Providers): RouteConfig[] {
  return [...serviceRoutes(problemsBy), ...ownerRoutes(problemsBy, providers), ...webhookRoutes(problemsBy, providers)];
}

function serviceRoutes(problemsBy: DescribeProblems): RouteConfig[] {
  return [
    {
      ...plain('/health/live', 'live', 'Is the process alive?'),
      responses: { 200: { description: 'Alive.', ...json(alive) } },
    },
    {
      ...plain('/health/ready', 'ready', 'May the process take traffic?'),
      responses: {
        200: { description: 'Postgres and Temporal answer.', ...json(readinessAnswer) },
        503: { description: 'One of them does not.', ...json(readinessAnswer, 503) },
      },
    },
    {
      ...plain('/health/deep', 'deepHealth', 'How does everything that the service depends on stand?'),
      description:
        'Tells strangers whether each dependency answers. A token that reaches all venues is told the sums of circuits, budgets and backlog too. One answer is shared by all who ask within a second.',
      security: [{}, { [SECURITY]: [] }],
      responses: {
        200: { description: 'Everything answers, or the service works in part.', ...json(deepHealthAnswer) },
        503: { description: 'Postgres or Temporal does not answer.', ...json(deepHealthAnswer, 503) },
        ...problemsBy(['not-authenticated'], uncounted),
      },
    },
    {
      ...plain('/openapi.json', 'openapi', 'This document'),
      responses: { 200: { description: 'OpenAPI 3.1.', ...json(openApiDocument) } },
    },
    {
      ...plain('/docs', 'docs', 'This document as a page'),
      responses: { 200: { description: 'The reference.', ...html(uncounted) } },
    },
    {
      ...plain(RECORDS_PAGE, 'recordKinds', 'Every kind of record'),
      responses: { 200: { description: 'The fields of each kind.', ...html(uncounted) } },
    },
    {
      ...plain('/docs/errors', 'errors', 'Every problem code'),
      responses: { 200: { description: 'What each means and what to do.', ...html(uncounted) } },
    },
  ];
}

/** Paths for account owners in their browsers. */
function ownerRoutes(problemsBy: DescribeProblems, providers: Providers): RouteConfig[] {
  return [
    {
      ...plain(AUTHORIZE_PATH, 'oauthAuthorize', 'Where account owners begin'),
      description:
        'The `authorizationUrl` of an attempt to connect: marks the browser with a cookie, which the way back compares, and leads on to the provider’s page. Only links of our making are followed.',
      request: {
        params: z.object({ provider }),
        query: z.object({ state: z.string(), interlock_page: z.url(), interlock_ticket: z.string() }),
      },
      responses: {
        303: {
          description: 'On to the provider’s page.',
          headers: headersOf({ ...visited, status: 303, located: true, marksBrowser: true }),
        },
        ...problemsBy(
          ['callback-not-visited', 'provider-not-found', 'authorization-not-found', 'rate-limited', 'internal'],
          visited,
          HTML,
        ),
      },
    },
    {
      ...plain(CALLBACK_PATH, 'oauthCallback', 'Where providers send account owners back to'),
      description:
        'Answers a page for people, or sends them on to the `returnUrl` of their attempt (303). Not for programs: the `state` works once.',
      request: { params: z.object({ provider }), query: callbackQuery(providers) },
      responses: {
        200: { description: 'Connected.', ...html(visited) },
        202: { description: 'Approved, and still being finished.', ...html(visited) },
        303: {
          description: 'Back to the `returnUrl`, with `connectionId`, `outcome` and `code`.',
          headers: headersOf({ ...visited, status: 303, located: true }),
        },
        ...problemsBy(CALLBACK_PROBLEMS, visited, HTML),
      },
    },
    {
      ...plain(ATTEMPT_PATH, 'oauthAttempt', 'What became of an attempt to connect, for its visitor'),
      request: { params: z.object({ attempt: z.string() }) },
      responses: {
        200: { description: 'Connected.', ...html(visited) },
        202: { description: 'Still being finished.', ...html(visited) },
        ...problemsBy(
          ['authorization-not-found', 'authorization-failed', ...Object.values(REFUSAL_CODES)],
          visited,
          HTML,
        ),
      },
    },
  ];
}

function webhookRoutes(problemsBy: DescribeProblems, providers: Providers): RouteConfig[] {
  const withoutBody = answeredWithoutBody(providers);
  const addressed = z.enum(providers.ids.filter((id) => !withoutBody.includes(id)));
  const responses = {
    200: { description: TAKEN, ...json(webhookAnswer) },
    ...problemsBy(WEBHOOK_PROBLEM_CODES, uncounted),
  };
  return [
    {
      ...plain(WEBHOOK_PATH, 'webhook', 'Where providers send the events of all accounts to'),
      method: 'post',
      description: `Takes signed events. Of these the meaning is known: ${eventsOf(providers)}. Events of any other type are kept, and listed by \`GET /v1/venues/{venueId}/events\`.`,
      request: { params: z.object({ provider: addressed }), body: EVENT_BODY },
      responses,
    },
    ...withoutBody.map((id) => webhookWithoutBody(id, problemsBy, providers)),
    {
      ...plain(CONNECTION_WEBHOOK_PATH, 'connectionWebhook', 'Where a provider sends the events of one connection to'),
      method: 'post',
      description:
        'The address that `POST /v1/venues/{venueId}/connections/{connectionId}/webhook-endpoint` has made. It is a secret. A provider that asks for it with GET before it sends anything is answered 200.',
      request: {
        params: z.object({ provider: addressed, endpoint: z.string() }),
        body: {
          required: true,
          content: { [JSON_TYPE]: { schema: providerEvent }, [FORM_TYPE]: { schema: providerForm } },
        },
      },
      responses,
    },
  ];
}

const TAKEN = 'Taken: it need not be sent again.';
const EVENT_BODY = { required: true, content: { [JSON_TYPE]: { schema: providerEvent } } };

/** A path of its own: one operation cannot say that its answers have a body for some providers alone. */
function webhookWithoutBody(id: ProviderId, problemsBy: DescribeProblems, providers: Providers): RouteConfig {
  const name = providers.definition(id)?.displayName ?? id;
  return {
    ...plain(webhookPathOf(id), `${id}Webhook`, `Where ${name} sends the events of all accounts to`),
    method: 'post',
    description: `As \`${WEBHOOK_PATH}\`. ${name} takes no body: every answer is a status and headers alone.`,
    request: { body: EVENT_BODY },
    responses: {
      200: { description: TAKEN, headers: headersOf({ ...uncounted, status: 200 }) },
      ...problemsBy(WEBHOOK_PROBLEM_CODES, uncounted, {}),
    },
  };
}

/** The handled types of events, by provider. */
const eventsOf = (providers: Providers): string =>
  providers.ids
    .flatMap((id) => {
      const { displayName = id, webhooks } = providers.definition(id) ?? {};
      return Object.keys(webhooks?.events ?? {}).map((type) => `${displayName}’s \`${type}\``);
    })
    .join(', ');
