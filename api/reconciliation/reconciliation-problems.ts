import type { Problem } from '../errors/service-problems.ts';

/** Problems of reconciliations and repairs. */
export const RECONCILIATION_PROBLEMS = {
  'reconciliation-not-found': {
    status: 404,
    title: 'No such reconciliation',
    meaning: 'The venue has no reconciliation with this id, or it is older than reconciliations are kept.',
    remedy: 'List the reconciliations of the venue.',
  },
  'discrepancy-not-found': {
    status: 404,
    title: 'No such discrepancy',
    meaning: 'The venue has no discrepancy with this id, or it is older than reconciliations are kept.',
    remedy: 'List the discrepancies of the reconciliation.',
  },
  'reconciliation-running': {
    status: 409,
    title: 'A reconciliation of other days is under way',
    meaning: 'A connection has one reconciliation at a time, and the one that is open compares other days.',
    remedy: 'Wait until it has finished, then start this one.',
  },
  'discrepancy-not-repairable': {
    status: 409,
    title: 'The discrepancy could not be repaired',
    meaning:
      'The provider was asked for the transaction, and the venue’s still differs. `detail` says why, and so does `problem` of the discrepancy: its object cannot be read (`unreadable`), the database does not store it (`not-storable`), or money that was posted stays as it was posted (`still-differs`).',
    remedy: 'Correct the transaction at the provider, or the record here, then reconcile the day again.',
  },
  'reconciliation-not-supported': {
    status: 422,
    title: 'The provider’s transactions cannot be reconciled',
    meaning: 'The connection’s provider has no transactions, or cannot be asked for those of a day.',
    remedy: 'Choose a connection whose provider `GET /v1/integrations` shows with `reconciles: true`.',
  },
} as const satisfies Record<string, Problem>;
