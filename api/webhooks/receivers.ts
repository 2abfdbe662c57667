import { randomBytes } from 'node:crypto';
import { APP_ENDPOINT } from '../../contracts/inbox.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { isDatabaseAway } from '../../db/core/outage.ts';
import type { ReceivedEvent } from '../../db/webhooks/inbox-store.ts';
import type { EndpointOwner, WebhookEndpointStore } from '../../db/webhooks/webhook-endpoint-store.ts';
import type { ConnectionEndpoint, WebhookReader, WebhookSetup } from '../../providers/kit/webhook-definition.ts';
import type { Providers } from '../../providers/providers.ts';
import { Secret } from '../../vault/secret.ts';
import { VaultError } from '../../vault/vault-error.ts';
import type { WebhookSecretOpener } from '../../vault/webhook-secret-opener.ts';
import { ApiError } from '../errors/api-error.ts';
import { digestOf } from './endpoint-path.ts';
import { acceptedSecrets } from './signing-secrets.ts';

export interface ReceiverDeps {
  /** Without a trailing slash. */
  readonly publicUrl: string;
  readonly providers: Pick<Providers, 'ids' | 'webhooks'>;
  readonly webhookEndpoints: Pick<WebhookEndpointStore, 'findOwner'>;
  readonly webhookSecrets: WebhookSecretOpener;
  readonly clock: () => Date;
}

/** The ends of a path to which a provider sends. */
export interface Address {
  readonly provider: string;
  /** Null: the address of all accounts. */
  readonly path: string | null;
}

/** Who takes what is sent to an address. */
export interface Receiver {
  readonly endpoint: ReceivedEvent['endpoint'];
  readonly reader: WebhookReader;
  /** The address that is registered with the provider. */
  readonly url: string;
  /** Of the connection whose own address it is; null for the address of all accounts. */
  readonly account: ReceivedEvent['account'];
  /** Thrown once a delivery has been checked like any other: so long takes an answer about an address that is none. */
  readonly refusal: ApiError | null;
}

/** What is known of an address before anything is looked up. */
export interface Destination {
  readonly provider: ProviderId;
  readonly isSigned: WebhookReader['isSigned'];
  /** Throws ApiError while it cannot be told who takes it. */
  readonly receiver: () => Promise<Receiver>;
}

export const UNAVAILABLE_RETRY_MS = 2_000;

/** Throws `webhook-not-found`. */
export function destinationOf(deps: ReceiverDeps, { provider, path }: Address): Destination {
  const setup = deps.providers.webhooks(provider);
  if (!setup)
    throw notFound(
      deps.providers.ids.includes(provider)
        ? `${provider} sends no event that this service takes.`
        : 'No such provider.',
    );
  return path === null ? appDestination(deps, setup) : connectionDestination(deps, setup, path);
}

function appDestination({ publicUrl }: ReceiverDeps, { provider, reader, variable }: WebhookSetup): Destination {
  if (variable === null) throw notFound(`Each connection to ${provider} has an address of its own.`);
  if (!reader) throw notFound(`Webhooks of ${provider} are not set up here: set ${variable}.`);
  const url = `${publicUrl}/webhooks/${provider}`;
  const receiver: Receiver = { endpoint: APP_ENDPOINT, reader, url, account: null, refusal: null };
  return { provider, isSigned: (header) => reader.isSigned(header), receiver: () => Promise.resolve(receiver) };
}

function connectionDestination(
  deps: ReceiverDeps,
  { provider, connectionEndpoint }: WebhookSetup,
  path: string,
): Destination {
  if (!connectionEndpoint) throw notFound(`${provider} has one address for all connections.`);
  const url = `${deps.publicUrl}/webhooks/${provider}/${path}`;
  return {
    provider,
    isSigned: (header) => connectionEndpoint.readerWith([]).isSigned(header),
    async receiver() {
      const owner = await findOwner(deps, provider, path);
      const { secrets, refusal } = await secretsOf(deps, connectionEndpoint, owner);
      const reader = connectionEndpoint.readerWith(secrets);
      const { connectionId: endpoint = APP_ENDPOINT, account = null } = owner ?? {};
      return { endpoint, account, reader, url, refusal };
    },
  };
}

async function findOwner(
  { webhookEndpoints }: ReceiverDeps,
  provider: ProviderId,
  path: string,
): Promise<EndpointOwner | null> {
  const digest = digestOf(path);
  if (!digest) return null;
  return webhookEndpoints.findOwner(provider, digest).catch((cause: unknown) => {
    if (!isDatabaseAway(cause)) throw cause;
    throw new ApiError('database-unavailable', 'The address could not be looked up.', {
      cause,
      retryAfterMs: UNAVAILABLE_RETRY_MS,
    });
  });
}

/** Nobody knows it: what is sent to an address that is none is checked against it. */
const DECOY = new Secret(randomBytes(32).toString('hex'));

async function secretsOf(
  { webhookSecrets, clock }: ReceiverDeps,
  { kind }: ConnectionEndpoint,
  owner: EndpointOwner | null,
): Promise<{ readonly secrets: readonly Secret[]; readonly refusal: ApiError | null }> {
  if (!owner) return { secrets: [DECOY], refusal: notFound('No such address.') };
  if (kind === 'secret-path') return { secrets: [], refusal: null };
  if (!owner.sealedSecrets)
    return { secrets: [DECOY], refusal: notFound('The signing secret of this address has not been entered.') };
  try {
    const stored = await webhookSecrets.openSigningSecrets(owner.sealedSecrets, owner);
    return { secrets: acceptedSecrets(stored, clock()), refusal: null };
  } catch (cause) {
    if (!(cause instanceof VaultError)) throw cause;
    // Whatever is wrong with the vault, the provider has to send the event again.
    throw new ApiError('vault-unavailable', 'The signing secret could not be opened.', {
      cause,
      retryAfterMs: UNAVAILABLE_RETRY_MS,
    });
  }
}

const notFound = (detail: string): ApiError => new ApiError('webhook-not-found', detail);
