import path from 'node:path';
import { withFolder, withSystem } from './system.ts';
import type { System } from './system.ts';

/** A running system of one checkout. */
export interface Build {
  readonly name: string;
  readonly system: System;
}

export interface BuildsOptions {
  /** Another checkout, with its packages installed, that runs beside this one; null: this one alone. */
  readonly against: string | null;
  /** The worker's budget for one Stripe account. */
  readonly requestsPerSecond: number;
}

/** Runs `work` with a system of this checkout and, when there is one, of the other. */
export async function withBuilds<Result>(
  { against, requestsPerSecond }: BuildsOptions,
  work: (builds: readonly Build[]) => Promise<Result>,
): Promise<Result> {
  const withBuild = (name: string, checkout: string | null, use: (build: Build) => Promise<Result>) =>
    withFolder((home) =>
      withSystem({ home, requestsPerSecond, ...(checkout !== null && { checkout }) }, (system) =>
        use({ name, system }),
      ),
    );
  return withBuild('this build', null, (ours) =>
    against === null
      ? work([ours])
      : withBuild(`build of ${path.basename(against)}`, against, (theirs) => work([ours, theirs])),
  );
}
