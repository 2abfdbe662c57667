import { SquareError } from 'square';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import type { OAuthSandboxOptions } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { later } from '../../support/later.ts';
import { squareSandboxControl } from '../../support/sandbox/square-merchant.ts';

/** A stand-in Square for this test only, with one merchant and the SDK as its client. */
export async function aSquare(options: OAuthSandboxOptions = {}) {
  const sandbox = await startSquareSandbox(options);
  later(() => sandbox.close());
  const control = squareSandboxControl(sandbox);
  const [merchant] = await control.merchants();
  if (!merchant) throw new Error('a stand-in Square has merchants from the start');
  return { ...sandbox, control, merchant, square: merchant.client };
}

/** How Square refuses: the status and the first error. */
export async function refusalOf(promise: PromiseLike<unknown>) {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SquareError) return { status: error.statusCode, ...error.errors[0] };
    throw error;
  }
  throw new Error('the request was not refused');
}
