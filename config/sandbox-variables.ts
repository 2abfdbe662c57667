import { PORT_FORM, port } from './variable.ts';
import type { Variable } from './variable.ts';

function sandboxPort(description: string, standard: string) {
  return {
    schema: port,
    form: PORT_FORM,
    description,
    obtain:
      standard === '0'
        ? 'Set it to have the same at each start. 0 takes any free port.'
        : 'Unset, a standard port that is taken gives way to a free one. 0 takes any free port.',
    default: standard,
    readBy: ['runtime'],
    secret: false,
  } as const satisfies Variable;
}

/** Where the stand-in providers of a local copy listen. */
export const SANDBOX_VARIABLES = {
  SANDBOX_STRIPE_PORT: sandboxPort('TCP port of the Stripe sandbox that `npm start` runs.', '12111'),
  SANDBOX_STRIPE_CONTROL_PORT: sandboxPort('TCP port of the Stripe sandbox’s control API.', '12112'),
  SANDBOX_SQUARE_PORT: sandboxPort('TCP port of the Square sandbox that `npm start` runs.', '0'),
  SANDBOX_SQUARE_CONTROL_PORT: sandboxPort('TCP port of the Square sandbox’s control API.', '0'),
  SANDBOX_QUICKBOOKS_PORT: sandboxPort('TCP port of the QuickBooks sandbox that `npm start` runs.', '0'),
  SANDBOX_QUICKBOOKS_CONTROL_PORT: sandboxPort('TCP port of the QuickBooks sandbox’s control API.', '0'),
  SANDBOX_MAILCHIMP_PORT: sandboxPort('TCP port of the Mailchimp sandbox that `npm start` runs.', '0'),
  SANDBOX_MAILCHIMP_CONTROL_PORT: sandboxPort('TCP port of the Mailchimp sandbox’s control API.', '0'),
} as const satisfies Record<string, Variable>;
