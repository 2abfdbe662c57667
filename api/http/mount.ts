import type { Express, IRouter, RequestHandler } from 'express';
import { ApiError } from '../errors/api-error.ts';
import type { Endpoint, Method } from './endpoint.ts';
import { contextOf } from './request-context.ts';

/** Mounts every operation. A known path answers 405 to other methods. */
export function mount(app: Express, endpoints: readonly Endpoint[], run: (endpoint: Endpoint) => RequestHandler): void {
  for (const [path, group] of Map.groupBy(endpoints, (endpoint) => endpoint.path)) {
    const route = app.route(path.replace(/\{(\w+)\}/g, ':$1'));
    route.all((req, _res, next) => {
      // The template for the log, because the path itself may hold ids.
      contextOf(req).route = path;
      next();
    });
    for (const endpoint of group) route[endpoint.method](run(endpoint));
    route.all(otherMethod(group.map(({ method }) => method)));
  }
}

/** A read-only path outside /v1. */
export function mountGet(router: IRouter, path: string, handler: RequestHandler): void {
  router
    .route(path)
    .get(handler)
    .all(otherMethod(['get']));
}

function otherMethod(taken: readonly Method[]): RequestHandler {
  const methods = taken.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
  const allow = [...methods, 'OPTIONS'].join(', ');
  return (req, res) => {
    if (req.method !== 'OPTIONS')
      throw new ApiError('method-not-allowed', `This path takes ${allow}.`, { headers: { Allow: allow } });
    res.status(204).set('Allow', allow).end();
  };
}
