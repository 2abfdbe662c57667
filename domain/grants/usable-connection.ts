import type { ConnectionState } from '../../contracts/providers.ts';

/** States in which work may begin on a connection. A degraded one has problems but still works. */
export const USABLE_STATES = ['active', 'degraded'] as const satisfies readonly ConnectionState[];

/** Whether work may begin on a connection. */
export const isUsable = ({ state }: { readonly state: ConnectionState }): boolean =>
  USABLE_STATES.some((usable) => usable === state);
