import { z } from 'zod';
import { CONNECTION_STATES, ENVIRONMENTS, OAUTH_FLOWS } from '../../contracts/providers.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { LINK_STATES } from '../../contracts/records.ts';
import { PLAN_ACTIONS, SYNC_LOG_ACTIONS, SYNC_PHASES } from '../../contracts/sync.ts';

import { PROVIDER_SCHEMA, RESOURCE_SCHEMA } from '../../domain/reference/shared-words.ts';

export {
  deadLetterSource,
  direction,
  provider,
  PROVIDER_SCHEMA,
  resource,
  RESOURCE_SCHEMA,
  syncMode,
  syncOutcome,
} from '../../domain/reference/shared-words.ts';

// Enumerations used by several schemas. Each is one schema of the OpenAPI document, so that a generated client has one
// type for it.

export const providerOf = (ids: readonly ProviderId[]) =>
  z.enum(ids as [ProviderId, ...ProviderId[]]).meta({ id: PROVIDER_SCHEMA });
/** `resource` of a request, checked against the names of the kinds of record. */
export const resourceOf = (names: readonly string[]) =>
  z.enum(names as [string, ...string[]]).meta({ id: RESOURCE_SCHEMA });
export const environment = z
  .enum(ENVIRONMENTS)
  .meta({ id: 'Environment', description: 'The provider’s test mode, or the one that moves money.' });
export const oauthFlow = z.enum(OAUTH_FLOWS).meta({
  id: 'OAuthFlow',
  description:
    'How an account’s owner is asked for consent. The usual way of a provider is the first that `GET /v1/integrations/{provider}` lists under `flows`.',
});
export const connectionState = z.enum(CONNECTION_STATES).meta({ id: 'ConnectionState' });
/** Whose calls a limit counts: the account's or the app's. */
export const limitScope = z.enum(['account', 'app']).meta({
  id: 'LimitScope',
  description: 'Whose calls a limit counts: those of one account, or of all accounts together.',
});
export const syncPhase = z.enum(SYNC_PHASES).meta({ id: 'SyncPhase' });
export const syncLogLevel = z.enum(['info', 'warn', 'error']).meta({ id: 'SyncLogLevel' });
export const syncLogAction = z.enum(SYNC_LOG_ACTIONS).meta({ id: 'SyncLogAction' });
export const planAction = z.enum(PLAN_ACTIONS).meta({ id: 'PlanAction' });
export const linkState = z.enum(LINK_STATES).meta({ id: 'LinkState' });
