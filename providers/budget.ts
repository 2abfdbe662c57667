/**
 * The shared limiter of one provider account: a token bucket and concurrency leases, seen by every process.
 * Kept in Postgres (`db/budgets/budget-store.ts`), so that two workers cannot spend the same second twice.
 */
export interface Budget {
  /** Reserves the next free slot. `waitMs` is how long to wait for it; null when it is further off than `maxWaitMs` and nothing was reserved. */
  reserve(key: string, request: ReserveRequest): Promise<Reservation>;
  /**
   * Lets a call pass whose slot has come, in the windows that are longer than a call may wait, and in the pace that all accounts of an app share.
   * Counts it in each of them, or in none.
   */
  admit(request: AdmitRequest): Promise<Admission>;
  /** What the provider says of a long window counts, whatever we have counted ourselves. */
  learn(quota: Quota, told: { readonly remaining: number; readonly endsInMs?: number | undefined }): Promise<void>;
  /** After a 429: cuts the rate, and lets nobody through for `pauseMs`. */
  throttle(key: string, cut: { readonly ratePerSecond: number; readonly pauseMs: number }): Promise<void>;
  /** Takes, in place of the holder's earlier lease, between 1 and `slots` of `maxSlots`; null when none is free. */
  acquireLease(
    key: string,
    request: LeaseRequest & { readonly maxSlots: number; readonly ttlMs: number },
  ): Promise<BudgetLease | null>;
  /**
   * Keeps a lease for `ttlMs` more and answers what it is now. It grows up to `slots` while some of `maxSlots` are free; one that has more
   * than its even part shrinks to that while another has less, and several leave one for whoever comes next: nobody is left with the rest
   * for minutes. Null when it has lapsed and is gone.
   */
  renewLease(
    leaseId: string,
    request: { readonly slots: number; readonly maxSlots: number; readonly ttlMs: number },
  ): Promise<number | null>;
  releaseLease(leaseId: string): Promise<void>;
}

export interface LeaseRequest {
  readonly holder: string;
  readonly slots: number;
  /** The activity attempt that the lease is for: should its worker die, others find it there. */
  readonly task?: { readonly workerKey: number; readonly token: string } | undefined;
}

export interface ReserveRequest {
  readonly ratePerSecond: number;
  /** An interactive call goes at once while the backlog is short; bulk calls then wait a slot longer. */
  readonly lane: 'interactive' | 'bulk';
  readonly maxWaitMs: number;
  /** The pace of all accounts of the app, whose keys begin so. An account gets an even part of it: none waits for a busier one. */
  readonly app?: { readonly keyPrefix: string; readonly ratePerSecond: number } | undefined;
}

/** A long window that is counted. */
export interface Quota {
  readonly key: string;
  readonly windowS: number;
  readonly limit: number;
  /** Of a window that the accounts of an app share: the account that calls, and how the keys of all begin. */
  readonly account?: { readonly key: string; readonly keyPrefix: string };
}

export interface AdmitRequest {
  readonly pace: { readonly key: string; readonly ratePerSecond: number } | null;
  readonly quotas: readonly Quota[];
  readonly maxWaitMs: number;
  /** Counts the call and lets it pass even where a window is used up: a refresh that is refused would cost the grant. */
  readonly mustPass: boolean;
}

export type Admission =
  | { readonly granted: true; readonly waitMs: number }
  | { readonly granted: false; readonly retryAfterMs: number; readonly reason: 'pace' | 'quota' };

export type Reservation =
  { readonly granted: true; readonly waitMs: number } | { readonly granted: false; readonly retryAfterMs: number };

export interface BudgetLease {
  readonly id: string;
  readonly slots: number;
}
