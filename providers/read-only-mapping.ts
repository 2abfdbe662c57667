import type { ResourceMapping } from './provider.ts';

/**
 * The mapping of a read-only resource. Its payload is never written and only tells whether two readings are equal. It
 * includes the references of a reading, because a charge may get its customer later without any other change.
 */
export const readOnlyMapping: ResourceMapping = {
  toPayload: ({ fields, refs = {}, listRefs = {} }) => {
    const named = Object.entries(refs).filter(([, externalId]) => externalId !== null);
    const listed = Object.entries(listRefs).filter(([, externalIds]) => externalIds.some((id) => id !== null));
    return {
      payload: {
        ...fields,
        ...(named.length > 0 && { refs: Object.fromEntries(named) }),
        ...(listed.length > 0 && { listRefs: Object.fromEntries(listed) }),
      },
      problems: [],
    };
  },
  callsToWrite: () => 0,
};
