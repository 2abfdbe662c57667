import type { RequestHandler } from 'express';
import type { z } from 'zod';
import type { readinessAnswer } from '../schemas/health.ts';

export interface HealthDeps {
  /** Each throws when its service does not answer. */
  readonly postgres: () => Promise<unknown>;
  readonly temporal: () => Promise<unknown>;
}

export const READINESS_TIMEOUT_MS = 2_000;

export const live: RequestHandler = (_req, res) => {
  res.set('Cache-Control', 'no-store').json({ status: 'ok' });
};

/**
 * Answers 200 when every service that requests need responds in time, otherwise 503. Never takes longer than the
 * timeout.
 */
export function createReadiness({ postgres, temporal }: HealthDeps): RequestHandler {
  const checkPostgres = singleFlight(postgres);
  const checkTemporal = singleFlight(temporal);
  return async (_req, res) => {
    const [postgresState, temporalState] = await Promise.all([checkPostgres(), checkTemporal()]);
    const status = postgresState === 'ok' && temporalState === 'ok' ? 'ok' : 'down';
    const body: z.input<typeof readinessAnswer> = {
      status,
      checks: { postgres: postgresState, temporal: temporalState },
    };
    res
      .status(status === 'ok' ? 200 : 503)
      .set('Cache-Control', 'no-store')
      .json(body);
  };
}

/** Runs one check at a time, so that checks do not pile up on a service that hangs. */
function singleFlight(ask: () => Promise<unknown>): () => Promise<'ok' | 'down'> {
  let inFlight: Promise<'ok' | 'down'> | null = null;
  return () => {
    inFlight ??= ask()
      .then(
        () => 'ok' as const,
        () => 'down' as const,
      )
      .finally(() => {
        inFlight = null;
      });
    return Promise.race([inFlight, downAfter(READINESS_TIMEOUT_MS)]);
  };
}

function downAfter(ms: number): Promise<'down'> {
  return new Promise((resolve) => {
    setTimeout(() => {
      resolve('down');
    }, ms).unref();
  });
}
