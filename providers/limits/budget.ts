/**
 * The limiter of one provider account, shared by every process: a token bucket and concurrency leases. It is kept in
 * Postgres (`db/budgets/budget-store.ts`), so that two workers cannot spend the same second twice.
 */
export interface Budget {
  /**
   * Reserves the next free slot. `waitMs` is the wait for it; null when the wait would exceed `maxWaitMs` and nothing
   * was reserved.
   */
  reserve(key: string, request: ReserveRequest): Promise<Reservation>;
  /** Reserves the next `slots` free slots, or none of them. */
  reserveMany(key: string, request: ReserveRequest & { readonly slots: number }): Promise<ManyReserved>;
  /**
   * Admits a call whose slot is due to the windows longer than a call may wait, and to the pace that all accounts of an
   * app share. Counts the call in all of them or in none.
   */
  admit(request: AdmitRequest): Promise<Admission>;
  /** The provider's own count of a long window replaces ours. */
  learn(quota: Quota, told: { readonly remaining: number; readonly endsInMs?: number | undefined }): Promise<void>;
  /** After a 429: lowers the rate and admits nobody for `pauseMs`. */
  throttle(key: string, cut: { readonly ratePerSecond: number; readonly pauseMs: number }): Promise<void>;
  /** Replaces the holder's lease by one of 1 to `slots` of `maxSlots`; null when none is free. */
  acquireLease(
    key: string,
    request: LeaseRequest & { readonly maxSlots: number; readonly ttlMs: number },
  ): Promise<BudgetLease | null>;
  /**
   * Extends a lease by `ttlMs` and returns its present size. It grows up to `slots` while some of `maxSlots` are free.
   * A lease above its even share shrinks to it while another is below, and several leases together leave one slot for a
   * newcomer, so that nobody is limited to a remainder for minutes. Null when the lease has expired.
   */
  renewLease(
    leaseId: string,
    request: { readonly slots: number; readonly maxSlots: number; readonly ttlMs: number },
  ): Promise<number | null>;
  releaseLease(leaseId: string): Promise<void>;
}

export interface LeaseHolder {
  readonly holder: string;
  /** The activity attempt that holds the lease. Another process finds it here when its worker dies. */
  readonly task?: { readonly workerKey: number; readonly token: string } | undefined;
}

export interface LeaseRequest extends LeaseHolder {
  readonly slots: number;
}

export interface ReserveRequest {
  readonly ratePerSecond: number;
  /** An interactive call is sent at once while the backlog is short; bulk calls then wait one slot longer. */
  readonly lane: 'interactive' | 'bulk';
  readonly maxWaitMs: number;
  /**
   * The pace of all accounts of the app, whose keys share this prefix. Each account gets an even share, so that none
   * waits for a busier one.
   */
  readonly app?: { readonly keyPrefix: string; readonly ratePerSecond: number } | undefined;
}

/** A long window whose calls are counted. */
export interface Quota {
  readonly key: string;
  readonly windowS: number;
  readonly limit: number;
  /** For a window shared by an app's accounts: the calling account, and the prefix of all their keys. */
  readonly account?: { readonly key: string; readonly keyPrefix: string };
}

export interface AdmitRequest {
  readonly pace: { readonly key: string; readonly ratePerSecond: number } | null;
  readonly quotas: readonly Quota[];
  readonly maxWaitMs: number;
  /** Counts the call and admits it even when a window is used up: a refused refresh would cost the grant. */
  readonly mustPass: boolean;
}

export type Admission =
  | { readonly granted: true; readonly waitMs: number }
  | { readonly granted: false; readonly retryAfterMs: number; readonly reason: 'pace' | 'quota' };

export type Reservation = { readonly granted: true; readonly waitMs: number } | Refusal;

export type ManyReserved = ReservedSlots | Refusal;

export interface ReservedSlots {
  readonly granted: true;
  /** When each slot is due, in order. One that a late caller may still use is below 0. */
  readonly dueInMs: readonly number[];
  /** The time from one slot to the next at the present rate, which the app's other accounts and a 429 lower. */
  readonly slotMs: number;
}

/** Nothing was reserved. */
export interface Refusal {
  readonly granted: false;
  readonly retryAfterMs: number;
}

export interface BudgetLease {
  readonly id: string;
  readonly slots: number;
}
