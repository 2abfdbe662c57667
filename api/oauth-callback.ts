import { Router } from 'express';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { AuthorizationCallback, AuthorizationOutcome } from '../contracts/connections.ts';
import { PROVIDERS } from '../contracts/providers.ts';
import type { ProviderId } from '../contracts/providers.ts';
import { explainRefusal } from '../domain/authorization-refusal.ts';
import { withOutcome } from '../domain/return-url.ts';
import type { ReturnParameters, ReturnUrls } from '../domain/return-url.ts';
import { Secret } from '../vault/secret.ts';
import type { Sealer } from '../vault/vault.ts';
import { ApiError } from './api-error.ts';
import type { AuthorizationAttempt, AuthorizationGateway } from './authorization-gateway.ts';
import type { AuthorizationStates } from './authorization-states.ts';
import { REFUSAL_CODES } from './authorization-problems.ts';
import { attemptOf, sealForAttempt } from './authorizing.ts';
import { readCallback } from './callback-query.ts';
import type { CallbackQuery } from './callback-query.ts';
import { logProblem, toApiError } from './error-handler.ts';
import type { Log } from './log.ts';
import { problemPage, sendPage } from './oauth-page.ts';
import type { OwnersPage } from './oauth-page.ts';
import { PROBLEMS } from './problems.ts';
import type { ProblemCode } from './problems.ts';
import type { RateLimits } from './rate-limits.ts';
import { contextOf } from './request-context.ts';

export interface OAuthCallbackDeps {
  readonly authorizationGateway: AuthorizationGateway;
  readonly states: AuthorizationStates;
  readonly sealer: Sealer;
  readonly returnUrls: ReturnUrls;
  readonly limits: RateLimits;
  /** What a person calls a provider. */
  readonly providerName: (provider: ProviderId) => string;
  readonly log: Log;
}

export const CALLBACK_PATH = '/oauth/{provider}/callback';
export const ATTEMPT_PATH = '/oauth/attempts/{attempt}';

/** Codes that a page of the callback can show, for the OpenAPI document. */
export const CALLBACK_PROBLEMS = [
  'callback-invalid',
  'callback-other-provider',
  'callback-not-visited',
  'provider-error',
  'provider-not-found',
  'authorization-not-found',
  'authorization-used',
  ...Object.values(REFUSAL_CODES),
  'rate-limited',
  'temporal-refused',
  'temporal-unavailable',
  'worker-unavailable',
  'internal',
] as const satisfies readonly ProblemCode[];

const ATTEMPT = /^[0-9a-f]{32}$/;
const LOOK_AGAIN_AFTER_S = 3;
const REPEAT_AFTER_S = 5;
/** Nothing was taken yet: the same address can be asked again. */
const WORTH_REPEATING: readonly ProblemCode[] = ['temporal-unavailable', 'worker-unavailable', 'vault-unavailable', 'rate-limited'];

/** Where providers send owners back to. No token and no body: what counts is the attempt's own secret, its `state`. */
export function oauthCallbackRouter(deps: OAuthCallbackDeps): Router {
  const router = Router({ strict: true, caseSensitive: true });
  mountPage(router, CALLBACK_PATH, callbackHandler(deps));
  mountPage(router, ATTEMPT_PATH, attemptHandler(deps));
  router.use('/oauth', errorPages(deps.log));
  return router;
}

function mountPage(router: Router, path: string, handler: RequestHandler): void {
  const route = router.route(path.replace(/\{(\w+)\}/g, ':$1'));
  route.all((req, _res, next) => {
    // The template, for the log: the query holds a code, and is never logged.
    contextOf(req).route = path;
    // HEAD too: whoever only wants to see whether there is a page must not use up the state.
    if (req.method !== 'GET') throw new ApiError('method-not-allowed', 'This path takes GET.', { headers: { Allow: 'GET' } });
    next();
  });
  route.get(handler);
}

function callbackHandler(deps: OAuthCallbackDeps): RequestHandler {
  return async (req, res) => {
    const { provider, query, id } = await admit(deps, { req, res });
    const attempt = await deps.authorizationGateway.find(id);
    if (!attempt) throw new ApiError('authorization-not-found', 'There is no attempt to connect with this state.');
    if (attempt.provider !== provider) throw new ApiError('callback-other-provider', 'The attempt is with another provider.');
    await answerVisit(deps, { req, res }, { id, attempt, query });
  };
}

/** Who shows a state of ours is counted by that, all others by where they come from: they cannot keep an owner out. */
async function admit(deps: OAuthCallbackDeps, exchange: Exchange): Promise<{ readonly provider: ProviderId; readonly query: CallbackQuery; readonly id: string }> {
  const { req } = exchange;
  try {
    requireVisit(req);
    const provider = PROVIDERS.find((known) => known === req.params['provider']);
    if (!provider) throw new ApiError('provider-not-found', 'No such provider.');
    const query = readCallback(req.url);
    const id = attemptOf(query.state);
    // A state that an earlier version has made is a stranger's too, and still looked up.
    await (deps.states.isOurs(query.state) ? deps.limits.countReturn(exchange, id) : deps.limits.countVisitor(exchange, 'stranger'));
    return { provider, query, id };
  } catch (error) {
    if (error instanceof ApiError && error.code !== 'rate-limited') await deps.limits.countVisitor(exchange, 'stranger');
    throw error;
  }
}

/** What browsers and chat programs fetch unasked is no visit: the owner's own would then find the state used. */
function requireVisit({ headers }: Request): void {
  const purpose = [headers['sec-purpose'], headers['purpose'], headers['x-purpose'], headers['x-moz']].join(' ');
  const destination = headers['sec-fetch-dest'];
  if (/prefetch|prerender|preview/i.test(purpose) || (destination !== undefined && destination !== 'document')) {
    throw new ApiError('callback-not-visited', 'This was not a visit to the page.');
  }
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
    showEnd(deps, exchange, attempt);
  } else if (query.kind === 'failed') {
    showProviderError(deps, exchange, { attempt, error: query.error });
  } else {
    const callback = await toCallback(deps.sealer, attempt, query);
    const completion = await deps.authorizationGateway.complete(id, callback);
    if (completion.kind === 'used') showUse(deps, exchange, { id, attempt: (await deps.authorizationGateway.find(id)) ?? attempt });
    else if (completion.kind === 'ended') showOutcome(deps, exchange, { attempt, outcome: completion.outcome });
    else showPending(deps, exchange, { id, attempt });
  }
}

async function toCallback(sealer: Sealer, attempt: AuthorizationAttempt, query: Exclude<CallbackQuery, { kind: 'failed' }>): Promise<AuthorizationCallback> {
  if (query.kind === 'denied') return { kind: 'denied' };
  const { realmId } = query;
  if (attempt.provider === 'quickbooks' && realmId === null) throw new ApiError('callback-invalid', 'realmId is missing.');
  const sealedCode = await sealForAttempt(sealer, new Secret(query.code), attempt);
  return { kind: 'approved', sealedCode, ...(attempt.provider === 'quickbooks' && realmId !== null && { realmId }) };
}

/** Of an attempt that has been handed a callback: perhaps by this visitor, who was told that no worker took it and whose page came again. */
function showUse(deps: OAuthCallbackDeps, exchange: Exchange, { id, attempt }: { readonly id: string; readonly attempt: AuthorizationAttempt }): void {
  if (attempt.state === 'open') sendPage(exchange.res, beingUsedPage(deps.providerName(attempt.provider), id, contextOf(exchange.req).requestId));
  else showEnd(deps, exchange, attempt);
}

/** Of an attempt that was over when the visitor came. Only one that nobody has used says how it ended: a state works once. */
function showEnd(deps: OAuthCallbackDeps, exchange: Exchange, attempt: AuthorizationAttempt): void {
  const { state, outcome } = attempt;
  if (state === 'failed') throw new ApiError('authorization-failed', 'The attempt has ended without an outcome.');
  if (outcome?.outcome === 'refused' && (outcome.code === 'expired' || outcome.code === 'cancelled')) {
    showOutcome(deps, exchange, { attempt, outcome });
    return;
  }
  if (outcome?.outcome === 'connected') sendPage(exchange.res, connectedBeforePage(deps.providerName(attempt.provider), outcome, contextOf(exchange.req).requestId));
  else throw new ApiError('authorization-used', 'It works once.');
}

function showOutcome(deps: OAuthCallbackDeps, exchange: Exchange, { attempt, outcome }: { readonly attempt: AuthorizationAttempt; readonly outcome: AuthorizationOutcome }): void {
  const { connectionId } = outcome;
  const code = outcome.outcome === 'refused' ? REFUSAL_CODES[outcome.code] : null;
  if (goBack(deps, exchange, { attempt, parameters: { connectionId, outcome: outcome.outcome, ...(code !== null && { code }) } })) return;
  sendPage(exchange.res, outcomePage(deps.providerName(attempt.provider), outcome, contextOf(exchange.req).requestId));
}

function showProviderError(deps: OAuthCallbackDeps, exchange: Exchange, { attempt, error }: { readonly attempt: AuthorizationAttempt; readonly error: string | null }): void {
  if (goBack(deps, exchange, { attempt, parameters: { connectionId: attempt.connectionId, outcome: 'refused', code: 'provider-error' } })) return;
  throw new ApiError('provider-error', `${deps.providerName(attempt.provider)} reported ${error ?? 'an error that no standard names'}.`);
}

function showPending(deps: OAuthCallbackDeps, exchange: Exchange, { id, attempt }: { readonly id: string; readonly attempt: AuthorizationAttempt }): void {
  if (goBack(deps, exchange, { attempt, parameters: { connectionId: attempt.connectionId, outcome: 'pending' } })) return;
  sendPage(exchange.res, pendingPage(deps.providerName(attempt.provider), id, contextOf(exchange.req).requestId));
}

/** False when there is nowhere to go back to. The list is asked again: it may have changed since the attempt began. */
function goBack({ returnUrls }: OAuthCallbackDeps, { res }: Exchange, { attempt, parameters }: { readonly attempt: AuthorizationAttempt; readonly parameters: ReturnParameters }): boolean {
  const { returnUrl } = attempt;
  if (returnUrl === null || !returnUrls.check(returnUrl).ok) return false;
  res.status(303).set({ Location: withOutcome(returnUrl, parameters), 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-store' }).end();
  return true;
}

/** What became of an attempt whose visitor did not want to wait. Its id opens nothing: it is a digest of the state. */
function attemptHandler(deps: OAuthCallbackDeps): RequestHandler {
  return async (req, res) => {
    await deps.limits.countVisitor({ req, res }, 'look');
    const id = String(req.params['attempt']);
    const attempt = ATTEMPT.test(id) ? await deps.authorizationGateway.find(id) : null;
    if (!attempt) throw new ApiError('authorization-not-found', 'There is no such attempt to connect.');
    if (attempt.state === 'failed') throw new ApiError('authorization-failed', 'The attempt has ended without an outcome.');
    const name = deps.providerName(attempt.provider);
    const { requestId } = contextOf(req);
    sendPage(res, attempt.outcome ? outcomePage(name, attempt.outcome, requestId) : pendingPage(name, id, requestId));
  };
}

function outcomePage(provider: string, outcome: AuthorizationOutcome, requestId: string): OwnersPage {
  const facts = { Connection: outcome.connectionId, Request: requestId };
  if (outcome.outcome === 'connected') {
    return { status: 200, title: `${provider} is connected`, paragraphs: ['You can close this page and go back to where you came from.'], facts: { Provider: provider, ...facts } };
  }
  const code = REFUSAL_CODES[outcome.code];
  const { message, nextAction } = explainRefusal(outcome.code);
  const { status } = PROBLEMS[code];
  return { status, title: `${provider} was not connected`, paragraphs: [message, nextAction], facts: { Provider: provider, Code: code, ...facts } };
}

/** Who reloads the page, or comes back to it, has done all there is to do; the refusal is for whoever replays the state. */
function connectedBeforePage(provider: string, { connectionId }: AuthorizationOutcome, requestId: string): OwnersPage {
  const code = 'authorization-used';
  const paragraphs = ['This link works once, and has done so. It has made the connection: there is nothing left to do here.'];
  return { status: PROBLEMS[code].status, tone: 'good', title: `${provider} is connected`, paragraphs, facts: { Provider: provider, Code: code, Connection: connectionId, Request: requestId } };
}

function pendingPage(provider: string, id: string, requestId: string): OwnersPage {
  return {
    status: 202,
    title: `Connecting ${provider} is still finishing`,
    paragraphs: [`You have approved, and ${provider} is being asked for the access. This page looks again by itself every few seconds; you may also close it.`],
    facts: { Provider: provider, Request: requestId },
    again: { afterS: LOOK_AGAIN_AFTER_S, path: ATTEMPT_PATH.replace('{attempt}', id) },
  };
}

/** The status is for whoever replays the state; its owner is led on. */
function beingUsedPage(provider: string, id: string, requestId: string): OwnersPage {
  const code = 'authorization-used';
  const { facts, ...page } = pendingPage(provider, id, requestId);
  return { ...page, status: PROBLEMS[code].status, tone: 'waiting', facts: { ...facts, Code: code } };
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
    const retryAfterS = WORTH_REPEATING.includes(error.code) ? Math.max(REPEAT_AFTER_S, Number(res.getHeader('Retry-After') ?? 0)) : null;
    sendPage(res, problemPage(error.code, { detail: error.message, requestId: contextOf(req).requestId, retryAfterS }));
  };
}
