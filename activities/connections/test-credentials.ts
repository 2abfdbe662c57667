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

/** Few, because a person waits for the answer. */
const MAX_ATTEMPTS = 3;
/** Each refused token is replaced once: a second refusal means that the access itself is refused. */
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

/**
 * Returns false when the provider refused the credentials and newer ones can be tried. Throws `needs-reauth` when there
 * are none.
 */
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
