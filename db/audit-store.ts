import type { VenueId } from '../contracts/ids.ts';
import type { Transaction } from './venue-scope.ts';

export interface AuditEntry {
  readonly venueId: VenueId;
  readonly actor: string;
  readonly action: string;
  readonly targetType: string;
  readonly targetId: string;
  readonly outcome: 'ok' | 'refused' | 'failed';
  readonly requestId: string | null;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

export interface AuditStore {
  record(entry: AuditEntry): Promise<void>;
  /** Inside the caller's transaction, so that the deed and its trace stand or fall together. */
  recordIn(tx: Transaction, entry: AuditEntry): Promise<void>;
}
