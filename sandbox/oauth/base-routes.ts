import type { ControlRoutes } from '../core/control-api.ts';

/** Whether a request to seed is about accounts, which every stand-in seeds alike. */
export const isAboutAccounts = (body: unknown): boolean =>
  (body as { readonly resource?: unknown } | undefined)?.resource === 'accounts';

/** A route that every stand-in has, for a route of the same name that does more. Throws when there is none. */
export function baseRoute(base: ControlRoutes, name: string) {
  const route = base[name];
  if (!route) throw new Error(`every stand-in has ${name}`);
  return route;
}
