import { CIRCUIT_OPEN } from '../contracts/failures.ts';
import type { Environment, ProviderId } from '../contracts/providers.ts';
import { CIRCUIT_LIMITS, passageOf, settle, stateOf } from '../domain/circuits/circuit.ts';
import type { CallOutcome, Circuit, CircuitLimits } from '../domain/circuits/circuit.ts';
import { ProviderError } from './provider-error.ts';

/** Where every process keeps the circuits (`db/budgets/circuit-store.ts`). */
export interface CircuitStore {
  /** A closed circuit that nobody has stored is left out. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, Circuit>>;
  /** Changes one circuit while nobody else does, and answers what `change` answered. */
  update<T>(
    key: string,
    change: (circuit: Circuit, now: Date) => { readonly circuit: Circuit; readonly answer: T },
  ): Promise<T>;
  /** Opens the provider's circuit if so many of its accounts fail that it must be the provider. */
  openIfProviderIsDown(place: CircuitPlace, limits: CircuitLimits): Promise<void>;
}

/** A provider's environment: what its accounts there have in common. */
export interface CircuitPlace {
  readonly provider: ProviderId;
  readonly environment: Environment;
}

/** Which circuits a call passes. */
export interface CircuitCall extends CircuitPlace {
  /** Of the account, as its budget has it. */
  readonly accountKey: string;
}

/** Of all accounts of a provider in one environment. */
export const placeKey = ({ provider, environment }: CircuitPlace): string => `${provider}/${environment}/*`;

/** Whether a call was not made, since a circuit is open. */
export const isCircuitOpen = (error: unknown): boolean =>
  error instanceof ProviderError && error.details.code === CIRCUIT_OPEN;

/** What other processes found out is seen after this long. */
const CACHE_MS = 1_000;
const MAX_CACHED = 5_000;

export interface Circuits {
  /**
   * Makes a call unless the provider or the account is known to be down. Throws ProviderError `unavailable`, code `circuit-open`, with the time
   * after which to try again, and otherwise what the call throws.
   */
  around<T>(where: CircuitCall, request: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

interface Known {
  readonly readAtMs: number;
  readonly circuits: ReadonlyMap<string, Circuit>;
}

/** The circuits as this process knows them. A call of an account whose last call succeeded costs no statement of its own. */
export function createCircuits(store: CircuitStore, limits: CircuitLimits = CIRCUIT_LIMITS): Circuits {
  const cache = new Map<string, Promise<Known>>();

  async function look(where: CircuitCall): Promise<Known> {
    const cached = cache.get(where.accountKey);
    const known = await cached?.catch(() => null);
    if (known && performance.now() - known.readAtMs < CACHE_MS) return known;
    if (cache.get(where.accountKey) !== cached) return look(where);
    if (cache.size >= MAX_CACHED) cache.clear();
    const reading = store
      .read([placeKey(where), where.accountKey])
      .then((circuits) => ({ circuits, readAtMs: performance.now() }));
    cache.set(where.accountKey, reading);
    return reading;
  }

  /** The keys on which the call is a probe. Throws when it may not be made. */
  async function enter(where: CircuitCall): Promise<string[]> {
    const { circuits } = await look(where);
    const probes: string[] = [];
    for (const key of [placeKey(where), where.accountKey]) {
      if (!circuits.get(key)?.openedAt) continue;
      const passage = await store.update(key, (circuit, now) => {
        const answer = passageOf(circuit, now, limits);
        return { circuit: answer.may === 'probe' ? answer.probing : circuit, answer };
      });
      if (passage.may === 'probe') probes.push(key);
      if (passage.may !== 'wait') continue;
      await Promise.all(probes.map((probe) => note(where, probe, { outcome: 'unknown', probe: true })));
      const { provider } = where;
      throw new ProviderError({
        provider,
        kind: 'unavailable',
        code: CIRCUIT_OPEN,
        retryAfterMs: Math.max(1, passage.retryAfterMs),
      });
    }
    return probes;
  }

  async function note(
    where: CircuitCall,
    key: string,
    call: { readonly outcome: CallOutcome; readonly probe: boolean },
  ): Promise<void> {
    const hasOpened = await store.update(key, (before, now) => {
      const circuit = settle(before, { ...call, now }, limits);
      return { circuit, answer: stateOf(before, now) !== 'open' && stateOf(circuit, now) === 'open' };
    });
    cache.delete(where.accountKey);
    if (hasOpened && key === where.accountKey) await store.openIfProviderIsDown(where, limits);
  }

  async function leave(where: CircuitCall, probes: readonly string[], outcome: CallOutcome): Promise<void> {
    for (const key of probes) await note(where, key, { outcome, probe: true });
    if (probes.includes(where.accountKey) || outcome === 'unknown') return;
    const known = (await look(where)).circuits.get(where.accountKey);
    if (outcome === 'failed' || (known && known.failures > 0))
      await note(where, where.accountKey, { outcome, probe: false });
  }

  return {
    async around(where, request, signal) {
      const probes = await enter(where);
      let outcome: CallOutcome = 'answered';
      try {
        return await request();
      } catch (error) {
        outcome = outcomeOf(error, signal);
        throw error;
      } finally {
        // What became of the call counts, also when it cannot be noted for the others.
        await leave(where, probes, outcome).catch(() => undefined);
      }
    },
  };
}

/** Without a breaker: for tests of adapters alone. */
export const NO_CIRCUITS: Circuits = { around: (_where, request) => request() };

/** What a failed call tells of the provider. An answer to this record, this token or this rate is an answer. */
export function outcomeOf(error: unknown, signal?: AbortSignal): CallOutcome {
  if (error instanceof ProviderError) return isFailure(error) ? 'failed' : 'answered';
  return isTimeout(error) || (signal?.aborted === true && isTimeout(signal.reason)) ? 'failed' : 'unknown';
}

function isFailure({ details: { kind, httpStatus, unreadable, code } }: ProviderError): boolean {
  // Longer than we are willing to read, or one object that this version cannot.
  if (unreadable !== undefined || code === 'body-too-large') return false;
  const isRefusal =
    httpStatus !== undefined && httpStatus >= 400 && httpStatus < 500 && !STOPPED_WAITING.has(httpStatus);
  return (kind === 'unavailable' || kind === 'unexpected-response') && !isRefusal;
}

/** 408 and 499: a server or proxy has given the call up. */
const STOPPED_WAITING: ReadonlySet<number> = new Set([408, 499]);

const isTimeout = (error: unknown) => error instanceof Error && error.name === 'TimeoutError';
