import { z } from 'zod';
import { DEAD_LETTER_SOURCES } from '../../contracts/dead-letters.ts';
import { DIRECTIONS, SYNC_MODES } from '../../contracts/providers.ts';
import { SYNC_OUTCOMES } from '../../contracts/sync.ts';

// Words that answers and messages to subscribers share. Each is one schema of the OpenAPI document.

/** The component of the OpenAPI document that names every kind of record. */
export const RESOURCE_SCHEMA = 'Resource';
/** The component that names every provider. */
export const PROVIDER_SCHEMA = 'Provider';
/** Any provider's id. Requests are checked against the providers of the service. */
export const provider = z.string().meta({ id: PROVIDER_SCHEMA });
/** The OpenAPI document lists the names of all kinds of record; requests are compared with them. */
export const resource = z.string().meta({ id: RESOURCE_SCHEMA });
export const direction = z.enum(DIRECTIONS).meta({
  id: 'Direction',
  description: '`push`: venue to provider. `pull`: provider to venue. `both`: one run that merges both sides.',
});
export const syncMode = z.enum(SYNC_MODES).meta({
  id: 'SyncMode',
  description: [
    '`incremental`: of a push, the records that changed since this connection last agreed on them, so that a first push takes every record; of a pull, what the provider says has changed since the last pull.',
    'A first pull, one after more than 29 days, and one of a resource without a feed of changes read everything.',
    '`full`: every record is read and compared. What is the same on both sides is not written in either mode.',
  ].join(' '),
});
export const syncOutcome = z.enum(SYNC_OUTCOMES).meta({ id: 'SyncOutcome' });
export const deadLetterSource = z.enum(DEAD_LETTER_SOURCES).meta({
  id: 'DeadLetterSource',
  description:
    '`record`: a sync could not store or write a record. `event`: a provider’s event could not be applied. `delivery`: an outgoing webhook could not be delivered.',
});
