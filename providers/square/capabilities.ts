import type { ProviderCapabilities } from '../../contracts/providers.ts';

/**
 * Square tells no limits (https://developer.squareup.com/docs/build-basics/general-considerations/handling-errors#rate-limit-errors, read
 * 2026-11-21). These are careful; a 429 cuts them.
 */
export const SQUARE_CAPABILITIES: Pick<ProviderCapabilities, 'resources' | 'limits'> = {
  resources: [],
  limits: {
    production: { requestsPerSecond: 10, concurrency: 8 },
    sandbox: { requestsPerSecond: 10, concurrency: 8 },
  },
};
