import type { MappingGateway } from '../../../api/temporal/mapping-gateway.ts';
import type { MappingTrial, MappingVersionRef } from '../../../contracts/mappings.ts';

/** In-memory replacement for the workflows of field mappings. Tests choose how trials end. */
export class RecordedMappings implements MappingGateway {
  readonly tried: MappingVersionRef[] = [];
  readonly reprojected: MappingVersionRef[] = [];
  /** Null: Temporal does not answer. */
  trial: MappingTrial | null = NOTHING_TO_TRY;

  async tryVersion(version: MappingVersionRef): Promise<MappingTrial> {
    this.tried.push(version);
    if (this.trial === null) throw new Error('Temporal is away');
    return this.trial;
  }

  async reproject(version: MappingVersionRef): Promise<void> {
    if (this.trial === null) throw new Error('Temporal is away');
    this.reprojected.push(version);
  }
}

export const NOTHING_TO_TRY: MappingTrial = {
  outcome: 'not-tried',
  reason: 'nothing-to-try',
  recordId: null,
  code: null,
  httpStatus: null,
  problems: [],
};
