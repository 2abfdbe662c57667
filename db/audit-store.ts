import { v7 as uuidv7 } from 'uuid';
import type { VenueId } from '../contracts/ids.ts';
import { auditLog } from './schema/audit-log.ts';
import { withVenue } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

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

export function createAuditStore(db: Database): AuditStore {
  const recordIn = async (tx: Transaction, entry: AuditEntry): Promise<void> => {
    await tx.insert(auditLog).values({ ...entry, id: uuidv7() });
  };
  return {
    record: (entry) => withVenue(db, entry.venueId, (tx) => recordIn(tx, entry)),
    recordIn,
  };
}
