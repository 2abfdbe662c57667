import type { Problem } from '../errors/service-problems.ts';

/** Problems of events that providers send. */
export const WEBHOOK_PROBLEMS = {
  'event-not-found': {
    status: 404,
    title: 'No such event',
    meaning:
      'There is no event with this id about an account that the venue has connected, or it was received before the connection was made, or has expired.',
    remedy: 'Take the id from the list of the venue’s events.',
  },
  'event-expired': {
    status: 409,
    title: 'The event has expired',
    meaning:
      'The body of the event was removed after `RETENTION_WEBHOOK_BODY_DAYS`, so that nothing is left to handle.',
    remedy: 'Start a full pull of what the event is about: it reads everything as it is now.',
  },
  'webhook-not-signed': {
    status: 401,
    title: 'The event is not signed',
    meaning:
      'The provider’s signature is missing, was made with another secret, over another body or for another address, or is older than five minutes where the provider signs a time.',
    remedy:
      'Compare the secret, and the address that is registered with the provider, with the configuration. An event that was refused is sent again by its provider.',
  },
  'webhook-not-found': {
    status: 404,
    title: 'No webhooks at this address',
    meaning:
      'There is no such provider or address, the provider sends no event that this service takes, or the secret that it signs with is not set here. `detail` says which.',
    remedy:
      'Set the environment variable that `detail` names (docs/configuration.md), enter the signing secret of the connection’s address, or remove the subscription at the provider.',
  },
  'webhook-endpoint-not-found': {
    status: 404,
    title: 'The connection has no address for webhooks',
    meaning: 'No address of its own was made for the connection, or it was disconnected since.',
    remedy: '`POST …/connections/{connectionId}/webhook-endpoint` makes one.',
  },
  'webhook-endpoint-not-supported': {
    status: 409,
    title: 'Connections to this provider have no such address',
    meaning:
      'The provider sends the events of all accounts to one address, or does not sign what it sends to a connection’s own. `detail` says which.',
    remedy: 'Nothing has to be set up for this connection.',
  },
  'too-many-deliveries': {
    status: 503,
    title: 'Too many events at once',
    meaning:
      'This process has as many events of the provider, or of all, at work as it takes. Nothing of this one was read.',
    remedy: 'Nothing: the provider sends the event again.',
  },
} as const satisfies Record<string, Problem>;
