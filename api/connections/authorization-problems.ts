import type { AuthorizationRefusal } from '../../contracts/connections.ts';
import { REPEAT_LATER } from '../errors/service-problems.ts';
import type { Problem } from '../errors/service-problems.ts';

const CONNECT_AGAIN = 'Start connecting once more, and approve within ten minutes.';

/**
 * Problems of connecting by consent. Those of the callback are shown on the account owner's page, and in `code` on the
 * return URL.
 */
export const AUTHORIZATION_PROBLEMS = {
  'callback-invalid': {
    status: 400,
    title: 'The way back from the provider is not complete',
    meaning:
      'The callback’s `state`, `code`, `error` or a parameter of the provider’s own is missing, given more than once, or not of its shape. The attempt to connect stays open.',
    remedy: 'Follow the link that the provider gives; start connecting once more where it does not work.',
  },
  'callback-other-provider': {
    status: 400,
    title: 'The attempt is with another provider',
    meaning:
      'The `state` belongs to an attempt to connect another provider than the callback’s path names. The attempt stays open.',
    remedy: 'Register each provider’s own redirect URI with it.',
  },
  'callback-not-visited': {
    status: 503,
    title: 'Not a visit',
    meaning:
      'A browser fetched the callback ahead of a visit, or inside another page. The attempt to connect stays open.',
    remedy: 'Open the link itself.',
  },
  'provider-error': {
    status: 400,
    title: 'The provider reported an error',
    meaning:
      'The provider sent its user back with an error other than a refusal, such as `invalid_scope` or `server_error`. The attempt to connect stays open for its ten minutes.',
    remedy: 'Try once more; if it stays, compare the app’s settings at the provider with docs/providers.',
  },
  'authorization-denied': {
    status: 403,
    title: 'Access was not granted',
    meaning: 'The account’s owner has refused at the provider. Nothing was connected.',
    remedy: 'Start connecting once more, and approve at the provider.',
  },
  'authorization-not-found': {
    status: 404,
    title: 'No such attempt to connect',
    meaning:
      'The link or the callback’s `state` belongs to no attempt: it was forged, changed or cut short, or the attempt is long over.',
    remedy: CONNECT_AGAIN,
  },
  'authorization-other-browser': {
    status: 403,
    title: 'This browser did not begin the attempt to connect',
    meaning:
      'The account’s owner has to approve and come back in the browser in which they opened the link. This browser has not opened it, or keeps no cookies. The attempt to connect stays open.',
    remedy:
      'Open the link to connect once more, in this browser, and approve again. Ask for another link where ten minutes have passed.',
  },
  'authorization-used': {
    status: 409,
    title: 'This attempt to connect was used before',
    meaning:
      'Somebody has come back with this `state` already, or the page was loaded again: it works once. Nothing was changed this time.',
    remedy: 'Look at the connection: it may be connected. If not, start connecting once more.',
  },
  'authorization-cancelled': {
    status: 409,
    title: 'The attempt to connect was withdrawn',
    meaning: 'The connection was disconnected before its owner had approved. Nothing was connected.',
    remedy: 'Start connecting once more.',
  },
  'wrong-account': {
    status: 409,
    title: 'Another account than the connection’s',
    meaning:
      'The connection belongs to one account at the provider, and the owner of another has approved, or the new key is another’s. Nothing was changed, and nothing was revoked.',
    remedy:
      'Sign in at the provider with the connection’s own account, or send that account’s key; or connect the other one on its own.',
  },
  'connection-not-reauthorizable': {
    status: 409,
    title: 'The connection cannot be re-authorised',
    meaning:
      'It has a secret key in place of its owner’s consent, or it is being disconnected or is disconnected. `detail` says which.',
    remedy:
      'Send a new key: `PATCH …/connections/{connectionId}`. Connect the account of a disconnected one again: with its key, or by its owner’s consent.',
  },
  'credentials-not-replaceable': {
    status: 409,
    title: 'The connection has no key to replace',
    meaning: 'Its owner has approved the connection, so that it has no key. Nothing was changed.',
    remedy: 'Have the owner approve it anew: `POST …/connections/{connectionId}/reauthorize`.',
  },
  'connection-disconnecting': {
    status: 409,
    title: 'The connection is being disconnected',
    meaning:
      'The account’s connection is being disconnected at this moment: what was stored now would be wiped with the rest. Nothing was stored.',
    remedy: REPEAT_LATER,
  },
  'accounts-not-choosable': {
    status: 409,
    title: 'There are no accounts to choose from',
    meaning:
      'The connection opens one account at the provider, or has a key in place of its owner’s consent. `detail` says which.',
    remedy: 'Nothing has to be chosen: the connection’s own account is synced.',
  },
  'connection-not-suspendable': {
    status: 409,
    title: 'The connection cannot be suspended',
    meaning: 'Only a connection in the state `active` or `degraded` can be suspended. `detail` names its state.',
    remedy: 'Read the connection: in its state no sync runs anyway.',
  },
  'connection-not-suspended': {
    status: 409,
    title: 'The connection is not suspended',
    meaning: 'Only a suspended connection can be resumed. `detail` names its state.',
    remedy: 'Read the connection: `nextAction` says what it needs.',
  },
  'provider-not-configured': {
    status: 409,
    title: 'The provider is not set up here',
    meaning:
      'This installation has no app at the provider, or not for this flow or environment. `detail` names what to set.',
    remedy: 'Set the environment variables that `detail` names (docs/configuration.md) and start the service again.',
  },
  'authorization-expired': {
    status: 410,
    title: 'The ten minutes are over',
    meaning: 'The owner came back after the attempt’s ten minutes. Nothing was connected.',
    remedy: CONNECT_AGAIN,
  },
  'authorization-code-refused': {
    status: 422,
    title: 'The provider did not accept its own code',
    meaning:
      'The provider refused the code that it had sent the owner back with: it was used, had expired, or was made up. Nothing was connected.',
    remedy: CONNECT_AGAIN,
  },
  'authorization-answer-lost': {
    status: 502,
    title: 'The provider’s answer was lost',
    meaning:
      'The code was sent to the provider once, and its answer was lost before the access could be stored: the connection broke, or our own process did. A code works once, so it is not sent again. Nothing was connected.',
    remedy: CONNECT_AGAIN,
  },
  'provider-app-refused': {
    status: 500,
    title: 'The provider refuses this installation’s app',
    meaning:
      'The provider does not accept the app’s own id and secret, or the platform’s key, or the app is no longer set up here. That is no fault of the venue or of the account’s owner.',
    remedy:
      'An operator compares the app’s settings (docs/configuration.md) with those at the provider. Repeating the request does not help before that.',
  },
  'authorization-failed': {
    status: 500,
    title: 'The attempt to connect broke off',
    meaning:
      'The attempt was ended from outside, or by an error of ours. Nothing was connected unless the connection says so.',
    remedy:
      'Read the connection; start connecting once more where it is not active, and tell an operator if that fails too.',
  },
  'worker-unavailable': {
    status: 503,
    title: 'No worker answers',
    meaning:
      'The workflow service has the request, and no worker has taken it up in time; or as many requests for the same connection are in flight as its workflow takes.',
    remedy: REPEAT_LATER,
  },
} as const satisfies Record<string, Problem>;

/** Each way an attempt ends without a connection, with its code of docs/errors.md. */
export const REFUSAL_CODES = {
  denied: 'authorization-denied',
  expired: 'authorization-expired',
  'code-refused': 'authorization-code-refused',
  'wrong-account': 'wrong-account',
  'environment-mismatch': 'environment-mismatch',
  'permissions-missing': 'credentials-insufficient',
  'answer-lost': 'authorization-answer-lost',
  'access-refused': 'credentials-refused',
  'app-refused': 'provider-app-refused',
  'provider-refused': 'provider-refused',
  'provider-unexpected': 'provider-unexpected-response',
  'provider-unreachable': 'provider-unreachable',
  'provider-unavailable': 'provider-unavailable',
  interrupted: 'authorization-failed',
  'vault-unavailable': 'vault-unavailable',
  cancelled: 'authorization-cancelled',
} as const satisfies Record<AuthorizationRefusal, string>;
