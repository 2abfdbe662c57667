import type { ConnectionRef } from '../../../contracts/ids.ts';
import type { AccountChoice } from '../../../domain/grants/account-choice.ts';
import type { AccountChoiceStore } from '../../../db/connections/account-choice-store.ts';
import type { Connection, ConnectionStore } from '../../../db/connections/connection-store.ts';
import type { WebhookEndpointStore } from '../../../db/webhooks/webhook-endpoint-store.ts';
import type { AccountListing, Providers } from '../../../providers/providers.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { REFUSAL_CODES } from '../../connections/authorization-problems.ts';
import { ApiError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { accountChoiceBody, grantAccountsAnswer, presentAccounts } from '../../schemas/connection.ts';
import { requireActive } from '../../syncs/start-sync.ts';
import type { ConnectionGateway } from '../../temporal/connection-gateway.ts';
import type { WebhookRegistrationGateway } from '../../temporal/webhook-registration-gateway.ts';

export interface GrantAccountRouteDeps {
  readonly connections: ConnectionStore;
  readonly accountChoices: AccountChoiceStore;
  readonly connectionGateway: Pick<ConnectionGateway, 'listAccounts'>;
  readonly providers: Providers;
  readonly webhookEndpoints: Pick<WebhookEndpointStore, 'find'>;
  readonly webhookRegistrations: WebhookRegistrationGateway;
  readonly audit: AuditTrail;
}

const PATH = '/v1/venues/{venueId}/connections/{connectionId}/accounts';
const PROBLEMS = [
  'accounts-not-choosable',
  'connection-not-active',
  'credentials-refused',
  'credentials-insufficient',
  'provider-app-refused',
  'provider-refused',
  'provider-unexpected-response',
  'provider-unreachable',
  'provider-unavailable',
  'vault-unavailable',
  'temporal-unavailable',
  'worker-unavailable',
] as const;

export function grantAccountRoutes(deps: GrantAccountRouteDeps): Endpoint[] {
  return [listRoute(deps), chooseRoute(deps)];
}

function listRoute(deps: GrantAccountRouteDeps): Endpoint {
  return endpoint({
    name: 'listGrantAccounts',
    summary: 'List the accounts that a connection’s grant opens',
    description:
      'Such as the locations of a merchant. The provider is asked, which takes up to half a minute. All are chosen until a choice is made. One that the provider does not list any more is `gone`.',
    tag: 'Connections',
    method: 'get',
    path: PATH,
    role: 'viewer',
    effort: 'connect',
    answers: { 200: { description: 'All of them, in the provider’s order.', schema: grantAccountsAnswer } },
    problems: PROBLEMS,
    async handle({ ids }) {
      const { listing } = await find(deps, ids);
      return { status: 200, body: presentAccounts(await choiceOf(deps, ids), listing.kind) };
    },
  });
}

function chooseRoute(deps: GrantAccountRouteDeps): Endpoint {
  return endpoint({
    name: 'chooseGrantAccounts',
    summary: 'Choose which of the accounts that a grant opens are synced',
    description:
      'Holds from the next run on: a run that is on keeps what it began with. The next scheduled pull of each resource is a full pass. What was read of accounts that are no longer chosen is kept. A webhook address that the service has registered moves along. Sending the same again changes nothing.',
    tag: 'Connections',
    method: 'put',
    path: PATH,
    role: 'admin',
    effort: 'connect',
    body: accountChoiceBody,
    answers: { 200: { description: 'The accounts, with the new choice.', schema: grantAccountsAnswer } },
    problems: [...PROBLEMS, 'account-not-granted'],
    async handle({ ids, body: { chosen }, caller, requestId }) {
      const { connection, listing } = await find(deps, ids);
      const { unknown } = await deps.accountChoices.choose(
        ids,
        chosen,
        deps.audit.entry({ caller, requestId }, ids.venueId, {
          action: 'connection.accounts-chosen',
          targetType: 'connection',
          targetId: ids.connectionId,
          details: { provider: connection.provider, ...detailsOf(chosen) },
        }),
      );
      if (unknown.length > 0) throw notGranted(unknown);
      await moveWebhook(deps, connection);
      return { status: 200, body: presentAccounts(await choiceOf(deps, ids), listing.kind) };
    },
  });
}

/** An address that the service has registered at an account, such as an audience, is registered at the one that is chosen now. */
async function moveWebhook(
  { webhookEndpoints, webhookRegistrations }: GrantAccountRouteDeps,
  { venueId, id: connectionId, provider }: Connection,
): Promise<void> {
  const ref = { venueId, connectionId };
  const endpoint = await webhookEndpoints.find(ref);
  if (endpoint === null || endpoint.remoteWebhookId === null) return;
  const pathDigest = Buffer.from(endpoint.pathDigest).toString('hex');
  await webhookRegistrations.start({ ...ref, provider, sealedUrl: null, pathDigest });
}

/** An audit row takes no list: as many ids as a person reads. */
const MAX_IDS_LENGTH = 2_000;
const detailsOf = (chosen: AccountChoice['chosen']) =>
  chosen === null
    ? { all: true }
    : { all: false, accounts: chosen.length, ids: chosen.join(' ').slice(0, MAX_IDS_LENGTH) };

const notGranted = (positions: readonly number[]): ApiError =>
  new ApiError('account-not-granted', `The grant opens no such account: ${positions.length} of \`chosen\`.`, {
    errors: positions.map((position) => ({
      path: `chosen.${position}`,
      message: 'Must be an account that the grant opens',
    })),
  });

/** The connection, once the provider has been asked for its accounts. */
async function find(
  { connections, providers, connectionGateway }: GrantAccountRouteDeps,
  ref: ConnectionRef,
): Promise<{ readonly connection: Connection; readonly listing: AccountListing }> {
  const connection = await connections.find(ref);
  if (!connection) throw notFound('connection-not-found');
  const listing = listingFor(providers, connection);
  requireActive(connection);
  const { outcome, refusal } = await connectionGateway.listAccounts({ ...ref, provider: connection.provider });
  if (outcome === 'refused')
    throw new ApiError('credentials-refused', 'The provider no longer accepts the connection’s access.');
  if (outcome === 'unavailable') throw unavailable(REFUSAL_CODES[refusal ?? 'interrupted']);
  return { connection, listing };
}

function unavailable(code: (typeof REFUSAL_CODES)[keyof typeof REFUSAL_CODES]): ApiError {
  const known = PROBLEMS.find((problem) => problem === code) ?? 'worker-unavailable';
  return new ApiError(known, 'The provider could not be asked for its accounts.');
}

function listingFor(providers: Providers, { provider, flow }: Connection): AccountListing {
  const name = providers.find(provider)?.capabilities.displayName ?? provider;
  const listing = providers.accounts(provider);
  if (!listing) throw new ApiError('accounts-not-choosable', `A grant of ${name} opens one account.`);
  if (flow === null)
    throw new ApiError('accounts-not-choosable', 'The connection has a key: it syncs all that the key opens.');
  return listing;
}

async function choiceOf({ accountChoices }: GrantAccountRouteDeps, ref: ConnectionRef): Promise<AccountChoice> {
  const choice = await accountChoices.find(ref);
  if (!choice) throw notFound('connection-not-found');
  return choice;
}
