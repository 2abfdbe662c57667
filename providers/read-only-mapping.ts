import type { ResourceMapping } from './provider.ts';

/** The mapping of a resource that is only read: its payload is never written, it only tells whether two readings say the same. */
export const readOnlyMapping: ResourceMapping = {
  toPayload: ({ fields }) => ({ payload: { ...fields }, problems: [] }),
  callsToWrite: () => 0,
};
