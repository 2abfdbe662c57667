import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
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
import type { AuditEntry } from '../../db/core/audit-store.ts';
import type { AuditStore } from '../../db/core/audit-store.ts';
import type { WebhookEndpoint, WebhookEndpointStore } from '../../db/webhooks/webhook-endpoint-store.ts';
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
export function createWebhookRegistrationNotes({
  webhookEndpoints,
}: Pick<WebhookRegistrationDeps, 'webhookEndpoints'>): WebhookRegistrationNotes {
  return {
    noteRegistrationFailed: (input) =>
      guarded(async () => {
        const { pathDigest, code } = input;
        const address = { digest: Buffer.from(pathDigest, 'hex'), outcome: { state: 'failed', code } } as const;
        const entry = entryOf(input, { action: 'connection.webhook-registered', outcome: 'failed', details: { code } });
        await webhookEndpoints.noteRegistration(input, address, entry);
      }),
  };
}

async function register(
  deps: WebhookRegistrationDeps,
  input: RegisterWebhookInput,
): Promise<{ readonly outcome: 'registered' | 'superseded' }> {
  const { webhookEndpoints } = deps;
  const digest = Buffer.from(input.pathDigest, 'hex');
  const endpoint = await webhookEndpoints.find(input);
  if (!endpoint || !digest.equals(endpoint.pathDigest)) return { outcome: 'superseded' };
  return withRegistrar(deps, input, async (registrar) => {
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
  const secretEnd = url?.expose().split('/').at(-1) ?? '';
  if (url && createHash('sha256').update(secretEnd).digest('hex') === pathDigest) return url;
  throw new ProviderError({ provider, kind: 'rejected', code: 'webhook-address-gone' });
}

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

type RemovalInput = ConnectionRef & { readonly provider: ProviderId };

async function remove(
  deps: WebhookRegistrationDeps,
  input: RemovalInput,
): Promise<{ readonly outcome: 'removed' | 'none' | 'left' }> {
  const { webhookEndpoints, audit, log } = deps;
  const { venueId, connectionId } = input;
  const remoteWebhookId = (await webhookEndpoints.find(input))?.remoteWebhookId ?? null;
  if (remoteWebhookId === null) return { outcome: 'none' };
  try {
    await withRegistrar(deps, input, (registrar) => registrar.remove(remoteWebhookId));
  } catch (error) {
    if (mayPass(error)) throw error;
    log.warn({ venueId, connectionId, cause: describe(error) }, 'a webhook address could not be removed');
    await audit.record(entryOf(input, { action: 'connection.webhook-removed', outcome: 'failed' }));
    return { outcome: 'left' };
  }
  const entry = entryOf(input, { action: 'connection.webhook-removed', outcome: 'ok' });
  await webhookEndpoints.forgetRegistration(input, remoteWebhookId, entry);
  return { outcome: 'removed' };
}

const FINAL_KINDS: ReadonlySet<ProviderError['details']['kind']> = new Set(['rejected', 'needs-reauth']);
const mayPass = (error: unknown): boolean =>
  Context.current().info.attempt < MAX_REMOVALS &&
  !(error instanceof ProviderError && FINAL_KINDS.has(error.details.kind)) &&
  !(error instanceof ApplicationFailure && error.nonRetryable === true);

async function withRegistrar<Result>(
  deps: WebhookRegistrationDeps,
  { venueId, connectionId, provider }: RemovalInput,
  work: (registrar: WebhookRegistrar) => Promise<Result>,
): Promise<Result> {
  const ref = { venueId, connectionId };
  const accounts = (await deps.accountChoices.find(ref))?.chosen ?? null;
  const options = { connection: { ...ref, provider }, use: null, lane: 'interactive', accounts } as const;
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
