import { RecordState } from '../../core/record-state.ts';

export type { WireObject } from '../../core/record-state.ts';

/** The kinds of object that a merchant has. */
export const KINDS = [
  'customers',
  'merged-customers',
  'catalogue',
  'counts',
  'changes',
  'payments',
  'refunds',
  'disputes',
  'orders',
  'invoices',
  'loyalty-accounts',
  'side-effects',
] as const;
export type Kind = (typeof KINDS)[number];

/** Everything that Square's merchants have. */
export type SquareState = RecordState<Kind>;

export const openSquareState = (home: string | undefined): Promise<SquareState> =>
  RecordState.open(home, 'square-records');
