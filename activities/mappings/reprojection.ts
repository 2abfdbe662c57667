import type { ReprojectionActivities } from '../../contracts/mappings.ts';
import type { MappingStore } from '../../db/mappings/mapping-store.ts';
import { reprojectionOrder } from '../../domain/mapping/reprojection-order.ts';
import { guarded } from '../failures.ts';

export interface ReprojectionDeps {
  readonly mappings: MappingStore;
}

/** The database activities of `reprojectRecords`. */
export function createReprojectionActivities({ mappings }: ReprojectionDeps): ReprojectionActivities {
  return {
    planReprojection: (input) =>
      guarded(async () => {
        const stored = await mappings.findVersion(input, input.version);
        return { directions: stored ? reprojectionOrder(stored.definition, await mappings.usedDirections(input)) : [] };
      }),
    noteReprojected: (input) => guarded(() => mappings.noteReprojected(input, input.version)),
  };
}
