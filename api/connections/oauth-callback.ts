import { Router } from 'express';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { AuthorizationCallback, AuthorizationOutcome } from '../../contracts/connections.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { withOutcome } from '../../domain/grants/return-url.ts';
import type { ReturnParameters, ReturnUrls } from '../../domain/grants/return-url.ts';
import { callbackParametersOf } from '../../providers/kit/define-provider.ts';
import type { Providers } from '../../providers/providers.ts';
import { Secret } from '../../vault/secret.ts';
import type { Sealer } from '../../vault/vault.ts';
import { ApiError } from '../errors/api-error.ts';
import type { AuthorizationAttempt, AuthorizationGateway } from '../temporal/authorization-gateway.ts';
import { AUTHORIZE_PATH, authorizationLinkHandler } from './authorization-link.ts';
import type { AuthorizationLinks } from './authorization-link.ts';
import { attemptOf } from './authorization-states.ts';
import type { AuthorizationStates } from './authorization-states.ts';
import { REFUSAL_CODES } from './authorization-problems.ts';
import { sealForAttempt } from './authorize.ts';
import type { BrowserBinding } from './browser-binding.ts';
import { readCallback, requireParameters } from './callback-query.ts';
import type { CallbackQuery } from './callback-query.ts';
import { logProblem, toApiError } from '../errors/error-handler.ts';
import type { Log } from '../http/log.ts';
import { problemPage, sendPage } from './oauth-page.ts';
import { ATTEMPT_PATH, beingUsedPage, connectedBeforePage, outcomePage, pendingPage } from './oauth-outcome-pages.ts';
import type { ConnectionNames } from './oauth-outcome-pages.ts';
import type { ProblemCode } from '../errors/problems.ts';
import type { RateLimits } from '../auth/rate-limits.ts';
import { contextOf } from '../http/request-context.ts';
import { requireVisit } from './visit.ts';

export interface OAuthCallbackDeps {
  readonly authorizationGateway: AuthorizationGateway;
  readonly states: AuthorizationStates;
  readonly links: AuthorizationLinks;
  readonly binding: BrowserBinding;
  readonly sealer: Sealer;
  readonly returnUrls: ReturnUrls;
  readonly limits: RateLimits;
  /** A provider's name as people know it. */
  readonly providerName: (provider: ProviderId) => string;
  readonly providers: Pick<Providers, 'definition'>;
  readonly namesOf: (ref: ConnectionRef) => Promise<ConnectionNames | null>;
  readonly log: Log;
}

export const CALLBACK_PATH = '/oauth/{provider}/callback';

/** Codes that a page of the callback can show, for the OpenAPI document. */
export const CALLBACK_PROBLEMS = [
  'callback-invalid',
  'callback-other-provider',
  'callback-not-visited',
  'provider-error',
  'provider-not-found',
  'authorization-not-found',
  'authorization-other-browser',
  'authorization-used',
  ...Object.values(REFUSAL_CODES),
  'rate-limited',
  'temporal-refused',
  'temporal-unavailable',
  'worker-unavailable',
  'internal',
] as const satisfies readonly ProblemCode[];

const ATTEMPT = /^[0-9a-f]{32}$/;
const REPEAT_AFTER_S = 5;
/** Nothing was accepted yet, so the same URL can be requested again. */
const WORTH_REPEATING: readonly ApiError['code'][] = [
  'temporal-unavailable',
  'worker-unavailable',
  'vault-unavailable',
  'rate-limited',
];

/**
 * Where account owners start and where providers send them back to. Needs no token and has no body: the attempt's
 * `state` and the browser that opened its link identify the visit.
 */
export function oauthCallbackRouter(deps: OAuthCallbackDeps): Router {
  const router = Router({ strict: true, caseSensitive: true });
  mountPage(router, AUTHORIZE_PATH, authorizationLinkHandler(deps));
  mountPage(router, CALLBACK_PATH, callbackHandler(deps));
  mountPage(router, ATTEMPT_PATH, attemptHandler(deps));
  router.use('/oauth', errorPages(deps.log));
  return router;
}

function mountPage(router: Router, path: string, handler: RequestHandler): void {
  const route = router.route(path.replace(/\{(\w+)\}/g, ':$1'));
  route.all((req, _res, next) => {
    // The template for the log, because the query holds a code and is never logged.
    contextOf(req).route = path;
    // Rejects HEAD too, because a client that only checks for the page must not use up the state.
    if (req.method !== 'GET')
      throw new ApiError('method-not-allowed', 'This path takes GET.', { headers: { Allow: 'GET' } });
    next();
  });
  route.get(handler);
}

function callbackHandler(deps: OAuthCallbackDeps): RequestHandler {
  return async (req, res) => {
    const { provider, query, id } = await admit(deps, { req, res });
    const attempt = await deps.authorizationGateway.find(id);
    if (!attempt) throw new ApiError('authorization-not-found', 'There is no attempt to connect with this state.');
    if (attempt.provider !== provider)
      throw new ApiError('callback-other-provider', 'The attempt is with another provider.');
    await answerVisit(deps, { req, res }, { id, attempt, query });
  };
}

/**
 * Counts the attempt's own browser by the attempt and all others by address, so that they cannot lock an account owner
 * out.
 */
async function admit(deps: OAuthCallbackDeps, exchange: Exchange): Promise<Admitted> {
  const { req } = exchange;
  let admitted: Admitted;
  try {
    requireVisit(req);
    const definition = deps.providers.definition(String(req.params['provider']));
    if (!definition) throw new ApiError('provider-not-found', 'No such provider.');
    const query = readCallback(req.url, callbackParametersOf(definition));
    const id = attemptOf(query.state);
    if (!deps.states.isOurs(query.state))
      throw new ApiError('authorization-not-found', 'There is no attempt to connect with this state.');
    deps.binding.requireBound(req, id);
    admitted = { provider: definition.id, query, id };
  } catch (error) {
    await deps.limits.countVisitor(exchange, 'stranger');
    throw error;
  }
  await deps.limits.countReturn(exchange, admitted.id);
  return admitted;
}

interface Admitted {
  readonly provider: ProviderId;
  readonly query: CallbackQuery;
  readonly id: string;
}

interface Exchange {
  readonly req: Request;
  readonly res: Response;
}

interface Visit {
  readonly id: string;
  readonly attempt: AuthorizationAttempt;
  readonly query: CallbackQuery;
}

async function answerVisit(deps: OAuthCallbackDeps, exchange: Exchange, { id, attempt, query }: Visit): Promise<void> {
  if (attempt.state !== 'open') {
    await showEnd(deps, exchange, attempt);
  } else if (query.kind === 'failed') {
    showProviderError(deps, exchange, { attempt, error: query.error });
  } else {
    const callback = await toCallback(deps, attempt, query);
    const completion = await deps.authorizationGateway.complete(id, callback);
    if (completion.kind === 'used')
      await showUse(deps, exchange, { id, attempt: (await deps.authorizationGateway.find(id)) ?? attempt });
    else if (completion.kind === 'ended') await showOutcome(deps, exchange, { attempt, outcome: completion.outcome });
    else showPending(deps, exchange, { id, attempt });
  }
}

async function toCallback(
  { sealer, providers }: OAuthCallbackDeps,
  attempt: AuthorizationAttempt,
  query: Exclude<CallbackQuery, { kind: 'failed' }>,
): Promise<AuthorizationCallback> {
  if (query.kind === 'denied') return { kind: 'denied' };
  const { parameters } = query;
  requireParameters(parameters, callbackParametersOf(providers.definition(attempt.provider)));
  const sealedCode = await sealForAttempt(sealer, new Secret(query.code), attempt);
  return { kind: 'approved', sealedCode, ...(Object.keys(parameters).length > 0 && { parameters }) };
}

/**
 * An attempt that has a callback already, perhaps from this visitor, who was told that no worker took it and whose page
 * reloaded.
 */
async function showUse(
  deps: OAuthCallbackDeps,
  exchange: Exchange,
  { id, attempt }: { readonly id: string; readonly attempt: AuthorizationAttempt },
): Promise<void> {
  if (attempt.state === 'open')
    sendPage(exchange.res, beingUsedPage(deps.providerName(attempt.provider), id, contextOf(exchange.req).requestId));
  else await showEnd(deps, exchange, attempt);
}

/**
 * An attempt that was over when the visitor came. Only an unused one shows how it ended, because a state works once.
 */
async function showEnd(deps: OAuthCallbackDeps, exchange: Exchange, attempt: AuthorizationAttempt): Promise<void> {
  const { state, outcome } = attempt;
  if (state === 'failed') throw new ApiError('authorization-failed', 'The attempt has ended without an outcome.');
  if (outcome?.outcome === 'refused' && (outcome.code === 'expired' || outcome.code === 'cancelled')) {
    await showOutcome(deps, exchange, { attempt, outcome });
    return;
  }
  if (outcome?.outcome === 'connected')
    sendPage(exchange.res, connectedBeforePage(await shown(deps, exchange.req, { attempt, outcome })));
  else throw new ApiError('authorization-used', 'It works once.');
}

async function showOutcome(
  deps: OAuthCallbackDeps,
  exchange: Exchange,
  { attempt, outcome }: { readonly attempt: AuthorizationAttempt; readonly outcome: AuthorizationOutcome },
): Promise<void> {
  const { connectionId } = outcome;
  const code = outcome.outcome === 'refused' ? REFUSAL_CODES[outcome.code] : null;
  if (
    goBack(deps, exchange, {
      attempt,
      parameters: { connectionId, outcome: outcome.outcome, ...(code !== null && { code }) },
    })
  )
    return;
  sendPage(exchange.res, outcomePage(await shown(deps, exchange.req, { attempt, outcome })));
}

/** Shows the outcome without names when they are unavailable. */
async function shown(
  deps: OAuthCallbackDeps,
  req: Request,
  { attempt, outcome }: { readonly attempt: AuthorizationAttempt; readonly outcome: AuthorizationOutcome },
) {
  const { venueId, provider } = attempt;
  const names =
    outcome.outcome === 'connected'
      ? await deps.namesOf({ venueId, connectionId: outcome.connectionId }).catch(() => null)
      : null;
  return { provider: deps.providerName(provider), outcome, requestId: contextOf(req).requestId, names };
}

function showProviderError(
  deps: OAuthCallbackDeps,
  exchange: Exchange,
  { attempt, error }: { readonly attempt: AuthorizationAttempt; readonly error: string | null },
): void {
  if (
    goBack(deps, exchange, {
      attempt,
      parameters: { connectionId: attempt.connectionId, outcome: 'refused', code: 'provider-error' },
    })
  )
    return;
  throw new ApiError(
    'provider-error',
    `${deps.providerName(attempt.provider)} reported ${error ?? 'an error that no standard names'}.`,
  );
}

function showPending(
  deps: OAuthCallbackDeps,
  exchange: Exchange,
  { id, attempt }: { readonly id: string; readonly attempt: AuthorizationAttempt },
): void {
  if (goBack(deps, exchange, { attempt, parameters: { connectionId: attempt.connectionId, outcome: 'pending' } }))
    return;
  sendPage(exchange.res, pendingPage(deps.providerName(attempt.provider), id, contextOf(exchange.req).requestId));
}

/**
 * Returns false when there is no return URL. The list is checked again, because it may have changed since the attempt
 * began.
 */
function goBack(
  { returnUrls }: OAuthCallbackDeps,
  { res }: Exchange,
  { attempt, parameters }: { readonly attempt: AuthorizationAttempt; readonly parameters: ReturnParameters },
): boolean {
  const { returnUrl } = attempt;
  if (returnUrl === null || !returnUrls.check(returnUrl).ok) return false;
  res
    .status(303)
    .set({
      Location: withOutcome(returnUrl, parameters),
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-store',
    })
    .end();
  return true;
}

/** Shows the outcome of an attempt that takes long. Its id opens nothing, because it is a digest of the state. */
function attemptHandler(deps: OAuthCallbackDeps): RequestHandler {
  return async (req, res) => {
    await deps.limits.countVisitor({ req, res }, 'look');
    const id = String(req.params['attempt']);
    const attempt = ATTEMPT.test(id) ? await deps.authorizationGateway.find(id) : null;
    if (!attempt) throw new ApiError('authorization-not-found', 'There is no such attempt to connect.');
    if (attempt.state === 'failed')
      throw new ApiError('authorization-failed', 'The attempt has ended without an outcome.');
    const { outcome } = attempt;
    // Names are shown only to the account owner's browser.
    const known = deps.binding.isBound(req, id) ? deps : { ...deps, namesOf: () => Promise.resolve(null) };
    sendPage(
      res,
      outcome
        ? outcomePage(await shown(known, req, { attempt, outcome }))
        : pendingPage(deps.providerName(attempt.provider), id, contextOf(req).requestId),
    );
  };
}

function errorPages(log: Log): ErrorRequestHandler {
  // eslint-disable-next-line max-params -- Express recognises an error handler by its four parameters.
  return (thrown: unknown, req, res, next) => {
    const error = toApiError(thrown);
    logProblem(log, { req, thrown, error });
    if (res.headersSent) {
      next(thrown);
      return;
    }
    res.set(error.headers);
    const retryAfterS = WORTH_REPEATING.includes(error.code)
      ? Math.max(REPEAT_AFTER_S, Number(res.getHeader('Retry-After') ?? 0))
      : null;
    sendPage(res, problemPage(error, { detail: error.message, requestId: contextOf(req).requestId, retryAfterS }));
  };
}
