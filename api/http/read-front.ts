import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, Response } from 'express';
import type { AnswerError } from '../errors/error-handler.ts';
import type { Endpoint } from './endpoint.ts';
import type { Run } from './endpoint-runner.ts';
import { contextOf } from './request-context.ts';
import type { Middleware } from './request-context.ts';
import { createRouteFinder } from './route-finder.ts';

export interface ReadFront {
  /** Answers the request when it is a plain GET of an operation. False: it is not, and nothing was done. */
  take(req: IncomingMessage, res: ServerResponse): boolean;
}

export interface ReadFrontDeps {
  readonly endpoints: readonly Endpoint[];
  readonly run: (endpoint: Endpoint) => Run;
  /** Done for every request before anything else. */
  readonly begin: Middleware;
  readonly answerError: AnswerError;
}

/**
 * Answers reads ahead of Express, which compares each request with one route after the other. Whatever is not plainly
 * the path of an operation, as other methods are, is left to Express, which runs the same operations.
 */
export function createReadFront({ endpoints, run, begin, answerError }: ReadFrontDeps): ReadFront {
  const find = createRouteFinder(endpoints.map(({ path }) => path));
  const runs = new Map(
    endpoints.filter(({ method }) => method === 'get').map((endpoint) => [endpoint.path, run(endpoint)]),
  );
  return {
    take(req, res) {
      if (req.method !== 'GET') return false;
      const route = find(req.url ?? '');
      const answer = route && runs.get(route.path);
      if (!answer) return false;
      begin(req, res, () => {
        contextOf(req).route = route.path;
        const request = Object.assign(req as Request, { params: route.params });
        answer(request, res as Response).catch((error: unknown) => {
          answerError(error, req, res);
        });
      });
      return true;
    },
  };
}
