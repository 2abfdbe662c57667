import type { PlannedFault } from './plan.ts';

/** What takes the events: the service, or the peer that it is compared with. */
export interface Subject {
  readonly url: string;
  /** Signs what is delivered to it. */
  readonly secret: string;
  /** Whether an event that nobody can apply is kept where an operator finds it. */
  readonly keepsPoison: boolean;
  /** Makes a fault happen, and resolves when the process that it hit is up again. */
  strike(fault: PlannedFault): Promise<void>;
  /** How many acknowledged events wait; throws while nobody can tell. */
  countOpen(): Promise<number>;
  /** How often each event has been applied, by its id, in portions. */
  applications(): AsyncIterable<readonly Application[]>;
  /** Customers by the provider's id, by venue or account. */
  records(account: number): Promise<ReadonlyMap<string, string | null>>;
  /** Customers whose deletion waits for a person, by the provider's id. */
  heldDeletions(account: number): Promise<ReadonlySet<string>>;
  /** Does as that person, and resolves when the deletions are carried out. */
  approveDeletions(account: number): Promise<void>;
}

export interface Application {
  readonly id: string;
  readonly times: number;
  /** Given up on for good, and kept where an operator finds it. */
  readonly isDead: boolean;
}
