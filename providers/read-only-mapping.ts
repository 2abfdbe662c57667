import type { ResourceMapping } from './provider.ts';

/**
 * The mapping of a resource that is only read: its payload is never written, it only tells whether two readings say the same. So it holds
 * whom a reading names too: a charge gets its customer afterwards, and nothing else of it changes then.
 */
export const readOnlyMapping: ResourceMapping = {
  toPayload: ({ fields, refs = {} }) => {
    const named = Object.entries(refs).filter(([, externalId]) => externalId !== null);
    return { payload: { ...fields, ...(named.length > 0 && { refs: Object.fromEntries(named) }) }, problems: [] };
  },
  callsToWrite: () => 0,
};
