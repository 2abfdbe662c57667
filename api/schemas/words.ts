import { z } from 'zod';
import { CONNECTION_STATES, DIRECTIONS, ENVIRONMENTS, OAUTH_FLOWS, SYNC_MODES } from '../../contracts/providers.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { LINK_STATES } from '../../contracts/records.ts';
import { PLAN_ACTIONS, SYNC_LOG_ACTIONS, SYNC_OUTCOMES, SYNC_PHASES } from '../../contracts/sync.ts';

// Enumerations used by several schemas. Each is one schema of the OpenAPI document, so that a generated client has one
// type for it.

/** The component of the OpenAPI document that names every kind of record. */
export const RESOURCE_SCHEMA = 'Resource';
/** The component that names every provider. */
export const PROVIDER_SCHEMA = 'Provider';

/** Any provider's id. Requests are checked against the providers of the service. */
export const provider = z.string().meta({ id: PROVIDER_SCHEMA });
export const providerOf = (ids: readonly ProviderId[]) =>
  z.enum(ids as [ProviderId, ...ProviderId[]]).meta({ id: PROVIDER_SCHEMA });
export const environment = z
  .enum(ENVIRONMENTS)
  .meta({ id: 'Environment', description: 'The provider’s test mode, or the one that moves money.' });
export const oauthFlow = z.enum(OAUTH_FLOWS).meta({
  id: 'OAuthFlow',
  description:
    'How an account’s owner is asked for consent. The usual way of a provider is the first that `GET /v1/integrations/{provider}` lists under `flows`.',
});
export const connectionState = z.enum(CONNECTION_STATES).meta({ id: 'ConnectionState' });
/** The OpenAPI document lists the names of all kinds of record; requests are compared with them. */
export const resource = z.string().meta({ id: RESOURCE_SCHEMA });
/** Whose calls a limit counts: the account's or the app's. */
export const limitScope = z.enum(['account', 'app']).meta({
  id: 'LimitScope',
  description: 'Whose calls a limit counts: those of one account, or of all accounts together.',
});
export const direction = z.enum(DIRECTIONS).meta({
  id: 'Direction',
  description: '`push`: venue to provider. `pull`: provider to venue. No provider syncs `both` yet.',
});
export const syncMode = z.enum(SYNC_MODES).meta({
  id: 'SyncMode',
  description: [
    '`incremental`: of a push, the records that changed since this connection last agreed on them, so that a first push takes every record; of a pull, what the provider says has changed since the last pull.',
    'A first pull, one after more than 29 days, and one of a resource without a feed of changes read everything.',
    '`full`: every record is read and compared. What is the same on both sides is not written in either mode.',
  ].join(' '),
});
export const syncPhase = z.enum(SYNC_PHASES).meta({ id: 'SyncPhase' });
export const syncOutcome = z.enum(SYNC_OUTCOMES).meta({ id: 'SyncOutcome' });
export const syncLogLevel = z.enum(['info', 'warn', 'error']).meta({ id: 'SyncLogLevel' });
export const syncLogAction = z.enum(SYNC_LOG_ACTIONS).meta({ id: 'SyncLogAction' });
export const planAction = z.enum(PLAN_ACTIONS).meta({ id: 'PlanAction' });
export const linkState = z.enum(LINK_STATES).meta({ id: 'LinkState' });
