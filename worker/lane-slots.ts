import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { guarded } from '../activities/failures.ts';
import { FAILURE } from '../contracts/failures.ts';
import type { Lane } from '../contracts/temporal.ts';
import type { BrakeStore } from '../db/budgets/brake-store.ts';
import { brakePauseMs } from '../domain/lanes/brake-pause.ts';
import type { ProviderShares, SlotRequest } from '../domain/lanes/provider-shares.ts';

export interface LaneSlots {
  readonly lane: Lane;
  readonly shares: ProviderShares;
  readonly brakes: Pick<BrakeStore, 'ask'>;
}

/**
 * Runs a lane's activity within its provider's share of the slots. When the share is taken or an operator holds the
 * provider, the attempt ends at once and says when to retry: Temporal keeps it meanwhile and the slot serves other
 * work.
 */
export function withinShare({ lane, shares, brakes }: LaneSlots): ActivityInterceptorsFactory {
  return ({ info }: Context) => ({
    inbound: {
      async execute(input, next) {
        const request = input.args[0] as SlotRequest;
        const answer = shares.ask(request, performance.now());
        if (!answer.admitted)
          throw notNow(`${request.provider} has its share of the lane ${lane}`, answer.retryAfterMs);
        try {
          // The interactive lane ignores the brake, which holds syncs only: tokens are refreshed and access is revoked
          // all the same.
          if (lane !== 'interactive') await holdBack(brakes, request, info.attempt);
          return await next(input);
        } finally {
          answer.leave(performance.now());
        }
      },
    },
  });
}

async function holdBack(brakes: Pick<BrakeStore, 'ask'>, { provider }: SlotRequest, attempt: number): Promise<void> {
  const waitMs = await guarded(() => brakes.ask(provider));
  if (waitMs === 0) return;
  throw notNow(`an operator holds back ${provider}`, waitMs === 'held' ? brakePauseMs(attempt) : waitMs);
}

const notNow = (message: string, nextRetryDelay: number): ApplicationFailure =>
  ApplicationFailure.create({ type: FAILURE.heldBack, message, nextRetryDelay, category: 'BENIGN' });
