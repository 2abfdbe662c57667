import type { SealedText } from '../../../contracts/connections.ts';
import type { ConnectionRef } from '../../../contracts/ids.ts';
import type { Connection, ConnectionStore } from '../../../db/connections/connection-store.ts';
import type { AuditEntry } from '../../../db/core/audit-store.ts';
import type { WebhookEndpoint, WebhookEndpointStore } from '../../../db/webhooks/webhook-endpoint-store.ts';
import type { ConnectionEndpoint } from '../../../providers/kit/webhook-definition.ts';
import type { Providers } from '../../../providers/providers.ts';
import { Secret } from '../../../vault/secret.ts';
import { VaultError } from '../../../vault/vault-error.ts';
import type { Sealer } from '../../../vault/vault.ts';
import type { WebhookSecretOpener } from '../../../vault/webhook-secret-opener.ts';
import type { Actor, AuditTrail } from '../../admin/audit-trail.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { FieldError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import type { Sent } from '../../http/parse.ts';
import {
  newEndpointBody,
  presentEndpoint,
  signingSecretBody,
  webhookEndpointAnswer,
} from '../../schemas/webhook-endpoint.ts';
import type { WebhookRegistrationGateway } from '../../temporal/webhook-registration-gateway.ts';
import { createEndpointPath, digestOf } from '../../webhooks/endpoint-path.ts';
import { rollSecret } from '../../webhooks/signing-secrets.ts';

export interface WebhookEndpointRouteDeps {
  readonly publicUrl: string;
  readonly connections: ConnectionStore;
  readonly providers: Pick<Providers, 'find' | 'webhooks'>;
  readonly webhookEndpoints: WebhookEndpointStore;
  readonly webhookRegistrations: WebhookRegistrationGateway;
  readonly webhookSecrets: WebhookSecretOpener;
  readonly sealer: Sealer;
  readonly audit: AuditTrail;
  readonly clock: () => Date;
}

const PATH = '/v1/venues/{venueId}/connections/{connectionId}/webhook-endpoint';
const HOUR_MS = 3_600_000;
const VAULT_RETRY_AFTER_MS = 5_000;

/** The address of a connection's own that its provider sends webhooks to. */
export function webhookEndpointRoutes(deps: WebhookEndpointRouteDeps): Endpoint[] {
  return [getRoute(deps), createRoute(deps), secretRoute(deps)];
}

function getRoute(deps: WebhookEndpointRouteDeps): Endpoint {
  return endpoint({
    name: 'getWebhookEndpoint',
    summary: 'Read how a connection’s own webhooks are set up',
    description: 'Without the URL, which is a secret and is shown when it is made.',
    tag: 'Connections',
    method: 'get',
    path: PATH,
    role: 'viewer',
    answers: { 200: { description: 'The address, without its URL.', schema: webhookEndpointAnswer } },
    problems: ['webhook-endpoint-not-found', 'webhook-endpoint-not-supported'],
    async handle({ ids }) {
      const { kind } = await find(deps, ids);
      const found = await deps.webhookEndpoints.find(ids);
      if (!found) throw notFound('webhook-endpoint-not-found');
      return { status: 200, body: presentEndpoint(ids.connectionId, found, { kind, url: null }) };
    },
  });
}

function createRoute(deps: WebhookEndpointRouteDeps): Endpoint {
  return endpoint({
    name: 'createWebhookEndpoint',
    summary: 'Make the address that a connection’s provider sends webhooks to',
    description:
      'For a provider that sends the events of an account to an address of its own. The service registers `url` with a provider whose API takes it, and `registration` says how far that is; with others, or with `register: false`, the account’s owner does. The URL is shown once. A connection that has an address gets another, and the one before counts for `keepPreviousHours` longer.',
    tag: 'Connections',
    method: 'post',
    path: PATH,
    role: 'admin',
    idempotent: true,
    body: newEndpointBody,
    bodyOptional: true,
    answers: { 201: { description: 'The address, with its URL.', schema: webhookEndpointAnswer } },
    problems: ['webhook-endpoint-not-supported', 'connection-not-active', 'vault-unavailable'],
    async handle({ ids, body: { keepPreviousHours: previousHours, register }, caller, requestId }) {
      const endpoint = await find(deps, ids);
      const { kind, provider } = endpoint;
      const path = createEndpointPath();
      const digest = digestOf(path);
      if (!digest) throw new Error('an address of ours has the wrong shape');
      const url = `${deps.publicUrl}/webhooks/${provider}/${path}`;
      const registers = register && endpoint.registers;
      const sealedUrl = registers ? await sealAddress(deps, ids, url) : null;
      const entry = entryOf(deps, { caller, requestId, ...ids }, 'connection.webhook-endpoint-created');
      const made = await deps.webhookEndpoints.setPath(ids, { digest, previousHours, registers }, entry);
      if (!made) throw new ApiError('connection-not-active', 'The connection is not connected.');
      const pathDigest = Buffer.from(digest).toString('hex');
      if (sealedUrl !== null) await deps.webhookRegistrations.start({ ...ids, provider, sealedUrl, pathDigest });
      return { status: 201, body: presentEndpoint(ids.connectionId, made, { kind, url }) };
    },
  });
}

/** Sealed because Temporal's histories hold it. Throws ApiError `vault-unavailable`. */
const sealAddress = (
  { sealer }: Pick<WebhookEndpointRouteDeps, 'sealer'>,
  { venueId, connectionId }: ConnectionRef,
  url: string,
): Promise<SealedText> =>
  inVault(async () => {
    const sealed = await sealer.seal(new Secret(url), { venueId, connectionId, purpose: 'webhook-address' });
    return Buffer.from(sealed).toString('base64');
  });

function secretRoute(deps: WebhookEndpointRouteDeps): Endpoint {
  return endpoint({
    name: 'putWebhookSigningSecret',
    summary: 'Enter the secret that a provider signs a connection’s webhooks with',
    description:
      'The provider shows it when the address is registered. The secret before counts for `keepPreviousHours` longer, so that one can replace the other while events arrive.',
    tag: 'Connections',
    method: 'put',
    path: `${PATH}/signing-secret`,
    role: 'admin',
    body: signingSecretBody,
    rules: async (ids, sent) => wrongSecret(await secretFormOf(deps, ids), sent),
    answers: { 200: { description: 'The address, without its URL.', schema: webhookEndpointAnswer } },
    problems: ['webhook-endpoint-not-found', 'webhook-endpoint-not-supported', 'vault-unavailable'],
    async handle({ ids, body: { signingSecret, keepPreviousHours }, caller, requestId }) {
      const { kind, name } = await find(deps, ids);
      if (kind !== 'signed')
        throw new ApiError('webhook-endpoint-not-supported', `${name} signs nothing: the URL itself is the secret.`);
      const previousEndsAt = new Date(deps.clock().getTime() + keepPreviousHours * HOUR_MS);
      const entry = entryOf(deps, { caller, requestId, ...ids }, 'connection.webhook-secret-entered');
      const stored = await replaceSecret(deps, ids, { next: new Secret(signingSecret), previousEndsAt, entry });
      return { status: 200, body: presentEndpoint(ids.connectionId, stored, { kind, url: null }) };
    },
  });
}

async function secretFormOf(
  { connections, providers }: WebhookEndpointRouteDeps,
  ref: ConnectionRef,
): Promise<ConnectionEndpoint['secretForm'] | null> {
  const connection = await connections.find(ref);
  return connection && providers.webhooks(connection.provider)?.connectionEndpoint?.secretForm;
}

function wrongSecret(
  form: ConnectionEndpoint['secretForm'] | null,
  { signingSecret: sent }: Sent,
): readonly FieldError[] {
  const { data } = signingSecretBody.shape.signingSecret.safeParse(sent);
  return data === undefined || !form || form.pattern.test(data)
    ? []
    : [{ path: 'signingSecret', message: form.description }];
}

interface NewSecret {
  readonly next: Secret;
  readonly previousEndsAt: Date;
  readonly entry: AuditEntry;
}

async function replaceSecret(
  deps: WebhookEndpointRouteDeps,
  ref: ConnectionRef,
  { entry, ...rolled }: NewSecret,
): Promise<WebhookEndpoint> {
  for (;;) {
    const found = await deps.webhookEndpoints.find(ref);
    if (!found) throw notFound('webhook-endpoint-not-found');
    const before = found.sealedSecrets;
    const after = await inVault(async () => {
      const opened = before && (await deps.webhookSecrets.openSigningSecrets(before, ref));
      return deps.sealer.seal(rollSecret(opened, rolled), { ...ref, purpose: 'provider-webhook-secrets' });
    });
    const replaced = await deps.webhookEndpoints.replaceSecrets(ref, { before, after }, entry);
    // Null: another request was faster, whose secret is then the one before.
    if (replaced) return replaced;
  }
}

async function inVault<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof VaultError) || error.kind !== 'key-service-unavailable') throw error;
    throw new ApiError('vault-unavailable', 'The key service cannot be reached.', {
      cause: error,
      retryAfterMs: VAULT_RETRY_AFTER_MS,
    });
  }
}

const entryOf = (
  { audit }: WebhookEndpointRouteDeps,
  { venueId, connectionId, ...by }: Actor & ConnectionRef,
  action: string,
): AuditEntry => audit.entry(by, venueId, { action, targetType: 'connection', targetId: connectionId });

async function find(
  { connections, providers }: WebhookEndpointRouteDeps,
  ref: ConnectionRef,
): Promise<Pick<ConnectionEndpoint, 'kind' | 'registers'> & Pick<Connection, 'provider'> & { readonly name: string }> {
  const connection = await connections.find(ref);
  if (!connection) throw notFound('connection-not-found');
  const { provider } = connection;
  const name = providers.find(provider)?.capabilities.displayName ?? provider;
  const own = providers.webhooks(provider)?.connectionEndpoint;
  if (!own)
    throw new ApiError('webhook-endpoint-not-supported', `${name} sends the events of all accounts to one address.`);
  return { kind: own.kind, registers: own.registers, provider, name };
}
