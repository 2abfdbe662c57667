/** A circuit as it is stored. All times are by one clock. */
export interface Circuit {
  /** Consecutive failures while it is closed. */
  readonly failures: number;
  /** Consecutive successful probes since it opened. */
  readonly successes: number;
  /** Null while it is closed. */
  readonly openedAt: Date | null;
  /** When the next probe may pass. */
  readonly retryAt: Date | null;
  /** A probe is under way until then at the latest. */
  readonly probingUntil: Date | null;
}

export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitLimits {
  readonly failuresToOpen: number;
  readonly openMs: number;
  readonly successesToClose: number;
  /** A probe whose process has died blocks the next one for so long. */
  readonly probeMs: number;
}

export const CIRCUIT_LIMITS: CircuitLimits = {
  failuresToOpen: 5,
  openMs: 60_000,
  successesToClose: 2,
  probeMs: 30_000,
};

export const CLOSED: Circuit = { failures: 0, successes: 0, openedAt: null, retryAt: null, probingUntil: null };

/** How long a call waits when another probe is running. */
const PROBE_PAUSE_MS = 2_000;

export function stateOf({ openedAt, retryAt }: Circuit, now: Date): CircuitState {
  if (openedAt === null) return 'closed';
  return retryAt !== null && retryAt > now ? 'open' : 'half-open';
}

export type Passage =
  | { readonly may: 'pass' }
  /** One probe at a time: whoever stores `probing` first may call. */
  | { readonly may: 'probe'; readonly probing: Circuit }
  | { readonly may: 'wait'; readonly retryAfterMs: number };

/** Whether a call may be made now. */
export function passageOf(circuit: Circuit, now: Date, { probeMs }: CircuitLimits): Passage {
  const state = stateOf(circuit, now);
  if (state === 'closed') return { may: 'pass' };
  if (state === 'open') return { may: 'wait', retryAfterMs: (circuit.retryAt?.getTime() ?? 0) - now.getTime() };
  if (circuit.probingUntil !== null && circuit.probingUntil > now) return { may: 'wait', retryAfterMs: PROBE_PAUSE_MS };
  return { may: 'probe', probing: { ...circuit, probingUntil: after(now, probeMs) } };
}

/**
 * `answered`: the provider is healthy, whatever it said. `failed`: it is not. `unknown`: the call says nothing, such as
 * a cancelled one.
 */
export type CallOutcome = 'answered' | 'failed' | 'unknown';

export interface SettledCall {
  readonly outcome: CallOutcome;
  readonly probe: boolean;
  readonly now: Date;
}

/** The circuit after a call. What was sent before it opened and ends late changes nothing any more. */
export function settle(circuit: Circuit, call: SettledCall, limits: CircuitLimits): Circuit {
  if (call.probe) return settleProbe(circuit, call, limits);
  if (circuit.openedAt !== null || call.outcome === 'unknown') return circuit;
  if (call.outcome === 'answered') return CLOSED;
  const failures = circuit.failures + 1;
  return failures >= limits.failuresToOpen ? opened(failures, call.now, limits) : { ...CLOSED, failures };
}

function settleProbe(circuit: Circuit, { outcome, now }: SettledCall, limits: CircuitLimits): Circuit {
  // Another probe may have decided since.
  if (circuit.openedAt === null) return circuit;
  if (outcome === 'unknown') return { ...circuit, probingUntil: null };
  if (outcome === 'failed') return { ...opened(circuit.failures + 1, now, limits), openedAt: circuit.openedAt };
  const successes = circuit.successes + 1;
  return successes >= limits.successesToClose ? CLOSED : { ...circuit, successes, probingUntil: null };
}

/** An open circuit, from now on. */
export const opened = (failures: number, now: Date, { openMs }: CircuitLimits): Circuit => ({
  ...CLOSED,
  failures,
  openedAt: now,
  retryAt: after(now, openMs),
});

/**
 * The number of failing accounts, and their least share of the called ones, at which the provider itself counts as
 * down.
 */
const MANY = { accounts: 5, share: 0.5 } as const;

/** Whether so many accounts fail at once that it is the provider, not its accounts. */
export const isProviderDown = ({
  failing,
  called,
}: {
  /** Accounts whose circuits are open. */
  readonly failing: number;
  /** Accounts that were called in the last minute. */
  readonly called: number;
}): boolean => failing >= MANY.accounts && failing >= called * MANY.share;

const after = (now: Date, ms: number) => new Date(now.getTime() + ms);
