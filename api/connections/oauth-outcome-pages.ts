import type { AuthorizationOutcome } from '../../contracts/connections.ts';
import { explainRefusal } from '../../domain/grants/authorization-refusal.ts';
import { REFUSAL_CODES } from './authorization-problems.ts';
import type { OwnersPage } from './oauth-page.ts';
import { PROBLEMS } from '../errors/problems.ts';

export const ATTEMPT_PATH = '/oauth/attempts/{attempt}';
const LOOK_AGAIN_AFTER_S = 3;

/** Which venue has gained access to which account. */
export interface ConnectionNames {
  readonly venue: string;
  /** The account's name, or its id at the provider. */
  readonly account: string;
}

interface OutcomeShown {
  /** The provider's name as people know it. */
  readonly provider: string;
  readonly outcome: AuthorizationOutcome;
  readonly requestId: string;
  /** Null when they are unavailable, or nothing was connected. */
  readonly names: ConnectionNames | null;
}

/** Names the venue, so that an account owner who was led here by somebody else sees it. */
const gained = (provider: string, names: ConnectionNames | null): string[] =>
  names
    ? [
        `The venue “${names.venue}” at Interlock has gained access to the ${provider} account “${names.account}”. If you do not know this venue, take the access back at ${provider}.`,
      ]
    : [];

export function outcomePage({ provider, outcome, requestId, names }: OutcomeShown): OwnersPage {
  const facts = { Connection: outcome.connectionId, Request: requestId };
  if (outcome.outcome === 'connected') {
    return {
      status: 200,
      title: `${provider} is connected`,
      paragraphs: [...gained(provider, names), 'You can close this page and go back to where you came from.'],
      facts: { Provider: provider, ...facts },
    };
  }
  const code = REFUSAL_CODES[outcome.code];
  const { message, nextAction } = explainRefusal(outcome.code);
  const { status } = PROBLEMS[code];
  return {
    status,
    title: `${provider} was not connected`,
    paragraphs: [message, nextAction],
    facts: { Provider: provider, Code: code, ...facts },
  };
}

/**
 * For a person who reloads the page or returns to it, who has nothing left to do; the refusing status is for a replay
 * of the state.
 */
export function connectedBeforePage({
  provider,
  outcome: { connectionId },
  requestId,
  names,
}: OutcomeShown): OwnersPage {
  const code = 'authorization-used';
  const paragraphs = [
    ...gained(provider, names),
    'This link works once, and has done so. It has made the connection: there is nothing left to do here.',
  ];
  return {
    status: PROBLEMS[code].status,
    tone: 'good',
    title: `${provider} is connected`,
    paragraphs,
    facts: { Provider: provider, Code: code, Connection: connectionId, Request: requestId },
  };
}

export function pendingPage(provider: string, id: string, requestId: string): OwnersPage {
  return {
    status: 202,
    title: `Connecting ${provider} is still finishing`,
    paragraphs: [
      `You have approved, and ${provider} is being asked for the access. This page looks again by itself every few seconds; you may also close it.`,
    ],
    facts: { Provider: provider, Request: requestId },
    again: { afterS: LOOK_AGAIN_AFTER_S, path: ATTEMPT_PATH.replace('{attempt}', id) },
  };
}

/** The status is for a replay of the state; the account owner's page reloads. */
export function beingUsedPage(provider: string, id: string, requestId: string): OwnersPage {
  const code = 'authorization-used';
  const { facts, ...page } = pendingPage(provider, id, requestId);
  return { ...page, status: PROBLEMS[code].status, tone: 'waiting', facts: { ...facts, Code: code } };
}
