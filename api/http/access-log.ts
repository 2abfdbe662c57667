import { countLimit, countRefusal, limitNamed } from '../../telemetry/metrics.ts';
import type { Log } from './log.ts';
import { contextOf } from './request-context.ts';
import type { Middleware } from './request-context.ts';

/** Logs one line per finished request. Omits path and query because they may contain personal data. */
export function logAccess(log: Log): Middleware {
  return (req, res, next) => {
    const startedAt = performance.now();
    res.once('close', () => {
      const { requestId, route, subject, venueId, provider, code, limit: noted } = contextOf(req);
      const limit = noted ?? limitNamed(code);
      if (code !== null) countRefusal(code, provider);
      if (limit !== null) countLimit(limit);
      const durationMs = Math.round((performance.now() - startedAt) * 10) / 10;
      log.info(
        {
          requestId,
          method: req.method,
          route,
          status: res.statusCode,
          code,
          limit,
          durationMs,
          subject,
          venueId,
          aborted: !res.writableFinished,
        },
        'request',
      );
    });
    next();
  };
}
