import { CIRCUIT_OPEN } from '../../contracts/failures.ts';
import type { Environment, ProviderId } from '../../contracts/providers.ts';
import { CIRCUIT_LIMITS, passageOf, settle, stateOf } from '../../domain/circuits/circuit.ts';
import type { CallOutcome, Circuit, CircuitLimits } from '../../domain/circuits/circuit.ts';
import { ProviderError } from '../provider-error.ts';

/** The circuits' storage, shared by every process (`db/budgets/circuit-store.ts`). */
export interface CircuitStore {
  /** Omits closed circuits that were never stored. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, Circuit>>;
  /** Changes one circuit under a lock and returns what `change` returned. */
  update<T>(
    key: string,
    change: (circuit: Circuit, now: Date) => { readonly circuit: Circuit; readonly answer: T },
  ): Promise<T>;
  /** Opens the provider's circuit when so many of its accounts fail that the provider must be the cause. */
  openIfProviderIsDown(place: CircuitPlace, limits: CircuitLimits): Promise<void>;
}

/** A provider's environment, which its accounts there share. */
export interface CircuitPlace {
  readonly provider: ProviderId;
  readonly environment: Environment;
}

/** The circuits that a call passes. */
export interface CircuitCall extends CircuitPlace {
  /** The account's key, as in its budget. */
  readonly accountKey: string;
}

/** The key for all accounts of a provider in one environment. */
export const placeKey = ({ provider, environment }: CircuitPlace): string => `${provider}/${environment}/*`;

/** Whether a call was not made because a circuit is open. */
export const isCircuitOpen = (error: unknown): boolean =>
  error instanceof ProviderError && error.details.code === CIRCUIT_OPEN;

/** How long a state stored by another process may go unnoticed. */
const CACHE_MS = 1_000;
const MAX_CACHED = 5_000;

export interface Circuits {
  /**
   * Makes a call unless the provider or the account is known to be down. Throws ProviderError `unavailable`, code
   * `circuit-open`, with the time after which to try again; otherwise throws what the call throws.
   */
  around<T>(where: CircuitCall, request: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

interface Known {
  readonly readAtMs: number;
  readonly circuits: ReadonlyMap<string, Circuit>;
}

/** This process's view of the circuits. A call to an account whose last call succeeded costs no statement. */
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

  /** The keys for which the call is a probe. Throws when it may not be made. */
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
        // The call's outcome is returned even when it cannot be recorded for the others.
        await leave(where, probes, outcome).catch(() => undefined);
      }
    },
  };
}

/** No circuit breaker, for tests of adapters alone. */
export const NO_CIRCUITS: Circuits = { around: (_where, request) => request() };

/** What a failed call says about the provider's health. A refusal of this record, token or rate is still an answer. */
export function outcomeOf(error: unknown, signal?: AbortSignal): CallOutcome {
  if (error instanceof ProviderError) return isFailure(error) ? 'failed' : 'answered';
  return isTimeout(error) || (signal?.aborted === true && isTimeout(signal.reason)) ? 'failed' : 'unknown';
}

function isFailure({ details: { kind, httpStatus, unreadable, code } }: ProviderError): boolean {
  // The answer is too long to read, or holds an object that this version cannot read.
  if (unreadable !== undefined || code === 'body-too-large') return false;
  const isRefusal =
    httpStatus !== undefined && httpStatus >= 400 && httpStatus < 500 && !STOPPED_WAITING.has(httpStatus);
  return (kind === 'unavailable' || kind === 'unexpected-response') && !isRefusal;
}

/** 408 and 499: a server or proxy has given up on the call. */
const STOPPED_WAITING: ReadonlySet<number> = new Set([408, 499]);

const isTimeout = (error: unknown) => error instanceof Error && error.name === 'TimeoutError';
