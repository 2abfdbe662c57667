import type { TestProject } from 'vitest/node';
import { offerOnDemand } from './on-demand.ts';
import { createPostgresService } from './postgres-service.ts';
import { createTemporalService } from './temporal-service.ts';

/**
 * Offers the servers that tests share. Each starts when a test file first asks for it, so that unit tests pay for none.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const services = await offerOnDemand({ postgres: createPostgresService(), temporal: createTemporalService() });
  project.provide('onDemandUrl', services.url);
  return () => services.stop();
}
