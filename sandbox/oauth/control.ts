import { z } from 'zod';
import type { CallLog } from '../core/call-log.ts';
import { ControlError, parseInput } from '../core/control-api.ts';
import type { ControlRoutes } from '../core/control-api.ts';
import { account, accountQuery, callsQuery, clockBody, offsetOf, resetBody } from '../core/control-schemas.ts';
import { faultSchema } from '../core/faults.ts';
import type { Faults } from '../core/faults.ts';
import type { WebhookQueue } from '../core/webhook-queue.ts';
import { decide, LinkProblem } from './consent.ts';
import type { ConsentRules } from './consent.ts';
import type { AccountBook } from './exchange.ts';
import { endGrants } from './grants.ts';
import type { Ledger } from './ledger.ts';
import { put, TABLES } from './ledger-rows.ts';
import type { Grant, Rows, Token } from './ledger-rows.ts';

export interface ControlParts {
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly consents: readonly ConsentRules[];
  /** How many accounts exist from the start and survive a reset. */
  readonly keptAccounts: number;
}

const approveBody = z.strictObject({ authorizationUrl: z.url(), account, deny: z.boolean().default(false) });
const revokeBody = z.strictObject({ account: z.string(), flow: z.string().optional() });
const expireBody = z.strictObject({
  account: z.string(),
  kind: z.enum(['access', 'refresh', 'all']).default('access'),
});
const appBody = z.strictObject({ id: z.string(), redirectUris: z.array(z.url()) });
const accountBody = z.strictObject({ name: z.string().min(1).max(100).optional() });
const webhooksBody = z.strictObject({ url: z.url({ protocol: /^https?$/ }).nullable() });
const seedBody = z.strictObject({ resource: z.literal('accounts'), count: z.int().min(1).max(1_000) });

/** The control API of a stand-in that has accounts and grants. */
export function controlRoutes(parts: ControlParts): ControlRoutes {
  return { ...grantRoutes(parts), ...recordRoutes(parts), ...faultRoutes(parts) };
}

/** What account owners and elapsed time do to grants. A larger stand-in adds these routes to its own. */
export function grantRoutes({
  ledger,
  accounts,
  consents,
}: Pick<ControlParts, 'ledger' | 'accounts' | 'consents'>): ControlRoutes {
  return {
    'POST /approve': ({ body }) => {
      const { authorizationUrl, account: id, deny } = parseInput(approveBody, body);
      const url = providersUrl(new URL(authorizationUrl));
      const rules = consents.find(({ path }) => path.test(url.pathname));
      if (!rules)
        throw new ControlError(404, 'no-such-page', { message: `There is no authorisation page at ${url.pathname}.` });
      try {
        const {
          redirectUrl,
          account: approvedBy,
          changes,
        } = decide(
          rules,
          { ledger, accounts },
          { query: url.searchParams, decision: deny ? { kind: 'deny' } : { kind: 'allow', account: id } },
        );
        ledger.commit(changes);
        return { json: { redirectUrl, account: approvedBy?.id ?? null } };
      } catch (error) {
        if (error instanceof LinkProblem) throw new ControlError(400, 'link-problem', { message: error.message });
        throw error;
      }
    },
    'POST /revoke': ({ body }) => {
      const { account: id, flow } = parseInput(revokeBody, body);
      const ended = endGrants(
        ledger.grantsOf(id).filter((grant) => flow === undefined || grant.flow === flow),
        'owner',
        ledger.clock.nowMs(),
      );
      ledger.commit(ended);
      return { json: { ended: ended.length } };
    },
    'POST /expire': ({ body }) => {
      const { account: id, kind } = parseInput(expireBody, body);
      const nowMs = ledger.clock.nowMs();
      const grants = new Set(ledger.liveGrants(id).map((grant) => grant.id));
      const expired = ledger
        .all('tokens')
        .filter(
          (token) =>
            grants.has(token.grant) &&
            (kind === 'all' || token.kind === kind) &&
            (token.expiresAtMs ?? Infinity) > nowMs,
        );
      ledger.commit(expired.map((token) => put('tokens', { ...token, expiresAtMs: nowMs })));
      return { json: { expired: expired.length } };
    },
    'GET /apps': () => ({ json: { data: ledger.all('apps') } }),
    'POST /apps': ({ body }) => {
      const { id, redirectUris } = parseInput(appBody, body);
      const app = ledger.get('apps', id);
      if (!app) throw new ControlError(404, 'app-not-found', { message: `There is no application ${id}.` });
      ledger.commit([put('apps', { ...app, redirectUris })]);
      return { json: ledger.get('apps', id) };
    },
  };
}

/** Interlock's own link names the provider's page and carries its parameters, beside two of Interlock's own. */
function providersUrl(link: URL): URL {
  const page = link.searchParams.get('interlock_page');
  if (page === null || !URL.canParse(page)) return link;
  const url = new URL(page);
  url.search = link.search;
  return url;
}

function recordRoutes({ ledger, accounts, calls, faults, keptAccounts }: ControlParts): ControlRoutes {
  return {
    'POST /reset': ({ body }) => {
      const { account: id } = parseInput(resetBody, body);
      const kept = id === undefined ? ledger.all('accounts').slice(0, keptAccounts) : [];
      ledger.commit([{ op: 'reset', account: id ?? null }, ...kept.map((row) => put('accounts', row))]);
      calls.clear(id);
      if (id === undefined) {
        faults.clear();
        ledger.refusedAccounts.clear();
      }
      return { json: { reset: id ?? 'everything' } };
    },
    'POST /seed': ({ body }) => {
      const { resource, count } = parseInput(seedBody, body);
      const ids = Array.from({ length: count }, () => accounts.add(undefined).id);
      return { json: { resource, created: count, total: accounts.list().length, ids } };
    },
    'GET /accounts': () => ({ json: { data: accounts.list() } }),
    'POST /accounts': ({ body }) => ({ status: 201, json: accounts.add(parseInput(accountBody, body).name) }),
    'GET /state/': ({ query, rest }) => ({
      json: { data: stateOf(ledger, rest, parseInput(accountQuery, query).account) },
    }),
    'GET /calls': ({ query }) => {
      const { since, account: id } = parseInput(callsQuery, query);
      return { json: { data: calls.since(since).filter((call) => id === undefined || call.account === id) } };
    },
  };
}

function faultRoutes({ ledger, faults }: ControlParts): ControlRoutes {
  const clock = () => ({ json: { offsetMs: ledger.clock.offsetMs, now: ledger.clock.nowMs() } });
  return {
    'GET /faults': () => ({ json: { data: faults.list() } }),
    'POST /faults': ({ body }) => {
      const fault = parseInput(faultSchema, body);
      faults.install(fault);
      return { status: 201, json: fault };
    },
    'DELETE /faults': ({ query }) => {
      const { account: id } = parseInput(accountQuery, query);
      faults.clear(id);
      if (id === undefined) ledger.refusedAccounts.clear();
      else ledger.refusedAccounts.delete(id);
      return { json: { data: faults.list() } };
    },
    'GET /clock': clock,
    'POST /clock': ({ body }) => {
      ledger.commit([{ op: 'settings', clockOffsetMs: offsetOf(parseInput(clockBody, body)) }]);
      return clock();
    },
  };
}

/** Where the provider sends webhooks by itself, and what it has sent so far, oldest first. */
export function webhookRoutes(webhooks: WebhookQueue): ControlRoutes {
  const shown = () => ({ json: { url: webhooks.url, data: webhooks.sent } });
  return {
    'GET /webhooks': shown,
    'POST /webhooks': ({ body }) => {
      webhooks.url = parseInput(webhooksBody, body).url;
      return shown();
    },
  };
}

/**
 * Rows of a table, newest first, with tokens and codes shortened to a distinguishing part. Throws a 404 `ControlError`
 * for an unknown table.
 */
export function stateOf(ledger: Ledger, resource: string, accountId: string | undefined): readonly object[] {
  const table = TABLES.find((name) => name === resource);
  if (!table)
    throw new ControlError(404, 'not-found', {
      message: `The sandbox holds no ${resource}; it holds ${TABLES.join(', ')}.`,
    });
  const isAsked = (id: string | undefined) => accountId === undefined || id === accountId;
  const shown: { readonly [Table in keyof Rows]: () => readonly object[] } = {
    apps: () => ledger.all('apps').map((app) => ({ ...app, secret: shortened(app.secret) })),
    accounts: () => ledger.all('accounts').filter(({ id }) => isAsked(id)),
    codes: () =>
      ledger
        .all('codes')
        .filter((code) => isAsked(code.account))
        .map((code) => ({ ...code, id: shortened(code.id) })),
    grants: () =>
      ledger
        .all('grants')
        .filter((grant) => isAsked(grant.account))
        .map(shownGrant),
    tokens: () =>
      ledger
        .all('tokens')
        .filter(({ grant }) => isAsked(ledger.get('grants', grant)?.account))
        .map((token) => shownToken(ledger, token)),
  };
  return shown[table]().toReversed();
}

function shownGrant(grant: Grant): object {
  return { ...grant, refreshToken: grant.refreshToken === null ? null : shortened(grant.refreshToken) };
}

function shownToken(ledger: Ledger, token: Token): object {
  return { ...token, id: shortened(token.id), state: ledger.token(token.id, token.kind)?.state ?? null };
}

function shortened(secret: string): string {
  return `…${secret.slice(-4)}`;
}
