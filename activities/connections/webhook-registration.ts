import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { DisconnectRequest } from '../../contracts/connections.ts';
import { FAILURE } from '../../contracts/failures.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import type {
  RegisterWebhookInput,
  WebhookRegistrationActivities,
  WebhookRegistrationNotes,
} from '../../contracts/webhook-registration.ts';
import type { AccountChoiceStore } from '../../db/connections/account-choice-store.ts';
import type { DisconnectionStore } from '../../db/connections/disconnection-store.ts';
import type { AuditEntry } from '../../db/core/audit-store.ts';
import type { AuditStore } from '../../db/core/audit-store.ts';
import type { WebhookEndpoint, WebhookEndpointStore } from '../../db/webhooks/webhook-endpoint-store.ts';
import { pathDigestOf } from '../../domain/inbox/endpoint-path.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { WebhookRegistrar } from '../../providers/provider.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Secret } from '../../vault/secret.ts';
import type { Opener } from '../../vault/vault.ts';
import { describe, guarded } from '../failures.ts';
import { withSession } from '../provider-session.ts';
import type { ProviderSessionDeps } from '../provider-session.ts';

export interface WebhookRegistrationDeps extends ProviderSessionDeps {
  readonly accountChoices: Pick<AccountChoiceStore, 'find'>;
  readonly disconnections: Pick<DisconnectionStore, 'begin'>;
  readonly webhookEndpoints: WebhookEndpointStore;
  readonly vault: Opener;
  readonly audit: AuditStore;
  readonly log: Logger;
}

/** A disconnection waits for this many attempts to remove the address. */
const MAX_REMOVALS = 3;

/** Registers and removes addresses of connections at their providers. */
export function createWebhookRegistrationActivities(deps: WebhookRegistrationDeps): WebhookRegistrationActivities {
  return {
    registerWebhookAddress: (input) => guarded(() => register(deps, input)),
    removeWebhookAddress: (input) => guarded(() => remove(deps, input)),
  };
}

/** Stores what came of a registration that was given up. */
export function createWebhookRegistrationNotes(
  deps: Pick<WebhookRegistrationDeps, 'webhookEndpoints'>,
): WebhookRegistrationNotes {
  return {
    noteRegistrationFailed: (input) =>
      guarded(async () => {
        await failRegistration(deps, input, { onlyPending: false });
      }),
  };
}

/**
 * Shows on an address that its registration has failed. False: the connection has another address by now, or, with
 * `onlyPending`, the registration has ended meanwhile. A registered address that is registered anew is not pending.
 */
export function failRegistration(
  { webhookEndpoints }: Pick<WebhookRegistrationDeps, 'webhookEndpoints'>,
  input: Parameters<WebhookRegistrationNotes['noteRegistrationFailed']>[0],
  { onlyPending }: { readonly onlyPending: boolean },
): Promise<boolean> {
  const { pathDigest, code } = input;
  const outcome = { state: 'failed', code } as const;
  const address = { digest: Buffer.from(pathDigest, 'hex'), outcome, onlyPending };
  const entry = entryOf(input, { action: 'connection.webhook-registered', outcome: 'failed', details: { code } });
  return webhookEndpoints.noteRegistration(input, address, entry);
}

async function register(
  deps: WebhookRegistrationDeps,
  input: RegisterWebhookInput,
): Promise<{ readonly outcome: 'registered' | 'superseded' }> {
  const { webhookEndpoints } = deps;
  const digest = Buffer.from(input.pathDigest, 'hex');
  const endpoint = await webhookEndpoints.find(input);
  if (!endpoint || !digest.equals(endpoint.pathDigest)) return { outcome: 'superseded' };
  return withRegistrar(deps, { ...input, toDisconnect: false }, async (registrar) => {
    const remoteWebhookId = await registrar.register(await addressOf(deps, input, { endpoint, registrar }));
    const address = { digest, outcome: { state: 'registered', remoteWebhookId } } as const;
    const entry = entryOf(input, { action: 'connection.webhook-registered', outcome: 'ok' });
    if (!(await webhookEndpoints.noteRegistration(input, address, entry))) {
      await registrar.remove(remoteWebhookId);
      return { outcome: 'superseded' };
    }
    const before = endpoint.remoteWebhookId;
    if (before !== null && before !== remoteWebhookId) await removeEarlier(deps, input, () => registrar.remove(before));
    return { outcome: 'registered' };
  });
}

interface RegisteredBefore {
  readonly endpoint: WebhookEndpoint;
  readonly registrar: WebhookRegistrar;
}

/** The address that was sent sealed, or the one that the provider has, where it is the connection's own. */
async function addressOf(
  { vault }: WebhookRegistrationDeps,
  { venueId, connectionId, provider, sealedUrl, pathDigest }: RegisterWebhookInput,
  { endpoint: { remoteWebhookId }, registrar }: RegisteredBefore,
): Promise<Secret> {
  if (sealedUrl !== null) {
    const sealed = new Uint8Array(Buffer.from(sealedUrl, 'base64')) as SealedSecret;
    return vault.open(sealed, { venueId, connectionId, purpose: 'webhook-address' });
  }
  const url = remoteWebhookId === null ? null : await registrar.addressOf(remoteWebhookId);
  if (url && digestOf(url) === pathDigest) return url;
  throw new ProviderError({ provider, kind: 'rejected', code: 'webhook-address-gone' });
}

/** Of an address's secret end, in hex. */
const digestOf = (url: Secret): string => pathDigestOf(url.expose().split('/').at(-1) ?? '').toString('hex');

/** An earlier address that stays costs a second delivery of each event, which counts once, and is refused in the end. */
async function removeEarlier(
  { log }: WebhookRegistrationDeps,
  { venueId, connectionId }: ConnectionRef,
  removal: () => Promise<void>,
): Promise<void> {
  try {
    await removal();
  } catch (error) {
    log.warn({ venueId, connectionId, cause: describe(error) }, 'an earlier webhook address could not be removed');
  }
}

type RemovalInput = ConnectionRef & { readonly provider: ProviderId } & Partial<DisconnectRequest>;

async function remove(
  deps: WebhookRegistrationDeps,
  input: RemovalInput,
): Promise<{ readonly outcome: 'removed' | 'none' | 'left' }> {
  const { disconnections, webhookEndpoints, audit, log } = deps;
  const { venueId, connectionId, records, requestedBy } = input;
  // First: a registration that is at work has either been noted, and is removed here, or finds this and removes itself.
  await disconnections.begin(input, records && requestedBy !== undefined ? { records, requestedBy } : null);
  const endpoint = await webhookEndpoints.find(input);
  if (!endpoint || (endpoint.remoteWebhookId === null && endpoint.registration !== 'pending'))
    return { outcome: 'none' };
  let removed: readonly string[];
  try {
    removed = await withRegistrar(deps, { ...input, toDisconnect: true }, (registrar) =>
      removeAll(registrar, endpoint),
    );
  } catch (error) {
    if (mayPass(error)) throw error;
    log.warn({ venueId, connectionId, cause: describe(error) }, 'a webhook address could not be removed');
    await audit.record(entryOf(input, { action: 'connection.webhook-removed', outcome: 'failed' }));
    return { outcome: 'left' };
  }
  if (removed.length === 0) return { outcome: 'none' };
  const entry = entryOf(input, { action: 'connection.webhook-removed', outcome: 'ok' });
  await webhookEndpoints.forgetRegistration(input, entry);
  return { outcome: 'removed' };
}

/** Also an address that the provider took and whose registration ended, or has not come so far as, to note it. */
async function removeAll(
  registrar: WebhookRegistrar,
  { remoteWebhookId, registration, pathDigest }: WebhookEndpoint,
): Promise<readonly string[]> {
  const pending = Buffer.from(pathDigest).toString('hex');
  const unnoted = registration === 'pending' ? await registrar.find((url) => digestOf(url) === pending) : null;
  const ids = [...new Set([remoteWebhookId, unnoted])].filter((id) => id !== null);
  for (const id of ids) await registrar.remove(id);
  return ids;
}

const FINAL_KINDS: ReadonlySet<ProviderError['details']['kind']> = new Set(['rejected', 'needs-reauth']);
const mayPass = (error: unknown): boolean =>
  Context.current().info.attempt < MAX_REMOVALS &&
  !(error instanceof ProviderError && FINAL_KINDS.has(error.details.kind)) &&
  !(error instanceof ApplicationFailure && error.nonRetryable === true);

async function withRegistrar<Result>(
  deps: WebhookRegistrationDeps,
  { venueId, connectionId, provider, toDisconnect }: RemovalInput & { readonly toDisconnect: boolean },
  work: (registrar: WebhookRegistrar) => Promise<Result>,
): Promise<Result> {
  const ref = { venueId, connectionId };
  const accounts = (await deps.accountChoices.find(ref))?.chosen ?? null;
  const options = { connection: { ...ref, provider }, use: null, lane: 'interactive', accounts, toDisconnect } as const;
  return withSession(deps, options, ({ webhooks }) => {
    if (!webhooks) throw ApplicationFailure.nonRetryable(`${provider} registers no addresses`, FAILURE.rejected);
    return work(webhooks);
  });
}

const entryOf = (
  { venueId, connectionId }: ConnectionRef,
  { action, outcome, details = {} }: Pick<AuditEntry, 'action' | 'outcome' | 'details'>,
): AuditEntry => ({
  ...{ venueId, actor: 'registerWebhook', action, outcome, details },
  ...{ targetType: 'connection', targetId: connectionId, requestId: null },
});
