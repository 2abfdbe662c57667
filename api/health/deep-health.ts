import type { RequestHandler } from 'express';
import type { z } from 'zod';
import type { BudgetStatusStore } from '../../db/budgets/budget-status-store.ts';
import type { CircuitStore } from '../../db/budgets/circuit-store.ts';
import type { RetryStore } from '../../db/dead-letters/retry-store.ts';
import type { DeliveryStore } from '../../db/outgoing/delivery-store.ts';
import type { InboxStore } from '../../db/webhooks/inbox-store.ts';
import type { Providers } from '../../providers/providers.ts';
import { within } from '../../telemetry/within.ts';
import { ApiError } from '../errors/api-error.ts';
import type { Authenticator } from '../auth/authentication.ts';
import type { deepHealthAnswer } from '../schemas/health.ts';
import { appWindowsOf } from './app-windows.ts';

export interface DeepHealthDeps {
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  /** Each throws when its service does not answer. */
  readonly postgres: () => Promise<unknown>;
  readonly temporal: () => Promise<unknown>;
  readonly keyService: () => Promise<unknown>;
  /** How many workers listen for workflows. */
  readonly countWorkers: () => Promise<number>;
  readonly providers: Pick<Providers, 'ids' | 'find'>;
  readonly circuits: Pick<CircuitStore, 'count'>;
  readonly budgets: Pick<BudgetStatusStore, 'readApp'>;
  readonly inbox: Pick<InboxStore, 'countUnfinished'>;
  readonly deliveries: Pick<DeliveryStore, 'countPending'>;
  readonly deadLetters: Pick<RetryStore, 'countUnsettled'>;
}

type DeepHealth = z.input<typeof deepHealthAnswer>;
type Figures = Pick<DeepHealth, 'circuits' | 'budgets' | 'backlog'>;

/** For each dependency and for the figures, so that an answer takes no longer. */
const PATIENCE_MS = 2_000;
/** Strangers who ask more often than this are told the same again. */
const SHARED_MS = 1_000;
/** For what is handled within a second while everything works. */
const LATE_SECONDS = 300;
const UNKNOWN: Figures = { circuits: null, budgets: null, backlog: null };

/** Answers 200 with `ok` or `degraded`, or 503 with `down`. Rejects a token that is not valid. */
export function createDeepHealth(deps: DeepHealthDeps): RequestHandler {
  let last: { readonly at: number; readonly health: Promise<DeepHealth> } | null = null;
  const current = (): Promise<DeepHealth> => {
    if (last === null || performance.now() - last.at > SHARED_MS)
      last = { at: performance.now(), health: healthOf(deps) };
    return last.health;
  };
  return async (req, res) => {
    const reachesAll = await reachesAllVenues(deps, req.headers.authorization);
    const health = await current();
    res
      .status(health.status === 'down' ? 503 : 200)
      .set('Cache-Control', 'no-store')
      // The figures tell of all venues.
      .json(reachesAll ? health : { ...health, ...UNKNOWN });
  };
}

async function reachesAllVenues(
  { authenticator }: Pick<DeepHealthDeps, 'authenticator'>,
  authorization: string | undefined,
): Promise<boolean> {
  if (authorization === undefined) return false;
  try {
    return (await authenticator.authenticate(authorization)).venues === '*';
  } catch (error) {
    // Where the keys of tokens come from is away too: that is a time to look at one's health.
    if (error instanceof ApiError && error.code === 'authentication-unavailable') return false;
    throw error;
  }
}

async function healthOf(deps: DeepHealthDeps): Promise<DeepHealth> {
  const [postgres, temporal, keyService, workers, figures] = await Promise.all([
    asked(deps.postgres),
    asked(deps.temporal),
    asked(deps.keyService),
    asked(deps.countWorkers),
    within(PATIENCE_MS, figuresOf(deps)).catch(() => UNKNOWN),
  ]);
  const checks = {
    postgres: postgres.check,
    temporal: temporal.check,
    keyService: keyService.check,
    workers: { ...workers.check, count: workers.told },
  };
  return { status: statusOf(checks, figures), checks, ...figures };
}

async function asked<Told>(ask: () => Promise<Told>) {
  const startedAt = performance.now();
  const told = await within(PATIENCE_MS, ask()).then(
    (value) => ({ value }),
    () => null,
  );
  const latencyMs = Math.round((performance.now() - startedAt) * 10) / 10;
  return { check: { status: told ? 'ok' : 'down', latencyMs } as const, told: told?.value ?? null };
}

function statusOf(
  { postgres, temporal, keyService, workers }: DeepHealth['checks'],
  { circuits, backlog }: Figures,
): DeepHealth['status'] {
  if (postgres.status === 'down' || temporal.status === 'down') return 'down';
  if (keyService.status === 'down' || !workers.count || backlog === null || isLate(backlog)) return 'degraded';
  const isProviderDown = circuits?.some(({ scope, state }) => scope === 'provider' && state === 'open');
  return isProviderDown ? 'degraded' : 'ok';
}

const isLate = ({ deliveries, events }: NonNullable<DeepHealth['backlog']>): boolean =>
  deliveries.overdueSeconds > LATE_SECONDS ||
  events.some(({ state, oldestSeconds }) => state === 'waiting' && oldestSeconds > LATE_SECONDS);

async function figuresOf({ providers, circuits, budgets, ...deps }: DeepHealthDeps): Promise<Figures> {
  const [broken, windows, events, deliveries, deadLetters] = await Promise.all([
    circuits.count(),
    Promise.all(
      providers.ids.map(async (provider) => {
        const capabilities = providers.find(provider)?.capabilities;
        const found = capabilities ? await appWindowsOf(budgets, capabilities) : [];
        return found.map((window) => ({ ...window, provider }));
      }),
    ),
    deps.inbox.countUnfinished(),
    deps.deliveries.countPending(),
    deps.deadLetters.countUnsettled(),
  ]);
  return {
    circuits: [...broken],
    budgets: windows.flat(),
    backlog: { events: [...events], deliveries, deadLetters: [...deadLetters] },
  };
}
