import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ConnectionTestActivities, TestConnectionInput } from '../../contracts/connections.ts';
import { FAILURE } from '../../contracts/failures.ts';
import { isCircuitOpen } from '../../providers/circuits.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Credentials } from './credentials.ts';
import { finalAfter, toFailure } from '../failures.ts';

export interface TestingDeps {
  readonly credentials: Credentials;
  readonly providers: Providers;
}

/** A person waits for the answer. */
const MAX_ATTEMPTS = 3;
/** Each replacement of a refused token is asked for once: the second refusal says that it is the access that is refused. */
const MAX_TRIES = 3;

export function createTestingActivities(deps: TestingDeps): ConnectionTestActivities {
  return {
    async tryCredentials(input) {
      try {
        for (let tries = 0; tries < MAX_TRIES; tries += 1) {
          if (await accepted(deps, input)) return 'accepted';
        }
        return 'refused';
      } catch (error) {
        if (isRefusal(error)) return 'refused';
        throw finalAfter(isCircuitOpen(error) ? 1 : MAX_ATTEMPTS, toFailure(error, false));
      }
    },
  };
}

/** False when the provider has refused what there was, and there is something newer to try. Throws `needs-reauth` when there is nothing. */
async function accepted({ credentials, providers }: TestingDeps, input: TestConnectionInput): Promise<boolean> {
  const { account, credential, generation, kind } = await credentials.open(input);
  const session = providers.open(input.provider, {
    ...credential,
    account,
    lane: 'interactive',
    signal: Context.current().cancellationSignal,
  });
  try {
    await session.account();
    return true;
  } catch (error) {
    if (!(error instanceof ProviderError) || error.details.kind !== 'needs-reauth') throw error;
    if (await credentials.replaceRefused(input, { generation, kind })) return false;
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  if (error instanceof ApplicationFailure)
    return error.type === FAILURE.needsReauth || error.type === FAILURE.connectionGone;
  return error instanceof ProviderError && error.details.kind === 'needs-reauth';
}
