import { isIP } from 'node:net';
import { z } from 'zod';
import { COUNT_FORM, count, formUpTo, upTo } from './variable.ts';
import type { Variable } from './variable.ts';

const PROXY_NAMES = new Set(['loopback', 'linklocal', 'uniquelocal']);

const proxies = z
  .string()
  .transform((value) => value.split(',').map((one) => one.trim()))
  .refine((all) => all.every(isProxy));

function isProxy(text: string): boolean {
  if (PROXY_NAMES.has(text)) return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
  // Refuses a whole address family as a proxy network: every client would be trusted.
  return (
    bits > 0 &&
    rest.length === 0 &&
    (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= bits))
  );
}

/** Sizes of an API process's shared pools. A venue's share must be smaller, so that no venue can take a whole pool. */
export const POOLS = { atomicLoads: 5, eventStreams: 1_000, databaseConnections: 20 } as const;

/** Besides the database connections. A read that finds none idle takes one of those, and a venue's share counts both. */
export const READ_CONNECTIONS = 8;

/** For small writes, in the same way. */
export const WRITE_CONNECTIONS = 4;

/**
 * Limits that keep one caller, venue or visitor from using up what all share; docs/operations/limits.md says what each
 * protects.
 */
export const LIMIT_VARIABLES = {
  TRUSTED_PROXIES: {
    schema: proxies,
    form: 'IP addresses, networks such as 10.0.0.0/8, and the names loopback, linklocal and uniquelocal, separated by commas',
    description:
      'Proxies in front of the API. What they say in `X-Forwarded-For` is believed: visitors without a token are counted by it. Without it all visitors behind a proxy share its address.',
    obtain:
      'The addresses from which your load balancer or proxy connects. Trust no network from which others can connect.',
    readBy: ['api'],
    secret: false,
  },
  RATE_LIMIT_PER_CALLER_PER_MINUTE: {
    schema: count,
    form: COUNT_FORM,
    description: 'API requests that one caller (`sub`) may make in a minute.',
    obtain: 'Choose one.',
    default: '60000',
    readBy: ['api'],
    secret: false,
  },
  RATE_LIMIT_PER_VENUE_PER_MINUTE: {
    schema: count,
    form: COUNT_FORM,
    description: 'API requests that may be made about one venue in a minute.',
    obtain: 'Choose one.',
    default: '60000',
    readBy: ['api'],
    secret: false,
  },
  RATE_LIMIT_STARTS_PER_VENUE_PER_MINUTE: {
    schema: count,
    form: COUNT_FORM,
    description: 'Requests of one venue in a minute that start something in Temporal or change its schedules.',
    obtain: 'Choose one.',
    default: '600',
    readBy: ['api'],
    secret: false,
  },
  RATE_LIMIT_CONNECTING_PER_VENUE_PER_TEN_MINUTES: {
    schema: count,
    form: COUNT_FORM,
    description:
      'Attempts of one venue in ten minutes to connect a provider. An attempt by consent stays open for ten minutes.',
    obtain: 'Choose one.',
    default: '60',
    readBy: ['api'],
    secret: false,
  },
  VENUE_SHARE_OF_ATOMIC_LOADS: {
    schema: upTo(POOLS.atomicLoads),
    form: formUpTo(POOLS.atomicLoads),
    description: `Loads with \`atomic=true\` that one venue may have at work in one API process, which takes ${POOLS.atomicLoads}.`,
    obtain: 'Choose one.',
    default: '2',
    readBy: ['api'],
    secret: false,
  },
  VENUE_SHARE_OF_EVENT_STREAMS: {
    schema: upTo(POOLS.eventStreams),
    form: formUpTo(POOLS.eventStreams),
    description: `Live event streams that one venue may have open at one API process, which takes ${POOLS.eventStreams}.`,
    obtain: 'Choose one.',
    default: '200',
    readBy: ['api'],
    secret: false,
  },
  VENUE_SHARE_OF_DATABASE_CONNECTIONS: {
    schema: upTo(POOLS.databaseConnections),
    form: formUpTo(POOLS.databaseConnections),
    description: `Database connections that one venue may use at a time in one API process, which has ${POOLS.databaseConnections}.`,
    obtain: 'Choose one.',
    default: '8',
    readBy: ['api'],
    secret: false,
  },
  VENUE_SHARE_OF_STARTS_PER_SECOND: {
    schema: count,
    form: COUNT_FORM,
    description:
      'Runs and other workflows that one venue may start in a second at one API process while others use it. Further ones wait.',
    obtain: 'Choose one. A start costs API, worker, Postgres and Temporal some 20 ms of processor time together.',
    default: '10',
    readBy: ['api'],
    secret: false,
  },
  VENUE_SHARE_OF_TIME_MS_PER_SECOND: {
    schema: upTo(1_000),
    form: formUpTo(1_000),
    description:
      'Milliseconds of each second of an API process that one venue may use while others use it, also of what they leave. Further work waits.',
    obtain:
      'Choose one. More lets large loads end sooner, and others wait longer. A venue never waits below 100, its share.',
    default: '250',
    readBy: ['api'],
    secret: false,
  },
  MAX_CONNECTIONS_PER_VENUE: {
    schema: upTo(1_000),
    form: formUpTo(1_000),
    description: 'Connections that one venue may have. Disconnected ones do not count.',
    obtain: 'Choose one.',
    default: '100',
    readBy: ['api'],
    secret: false,
  },
  MAX_SCHEDULES_PER_VENUE: {
    schema: upTo(10_000),
    form: formUpTo(10_000),
    description: 'Schedules of syncs that all connections of one venue may have together.',
    obtain: 'Choose one. The same for every process.',
    default: '500',
    readBy: ['api', 'worker'],
    secret: false,
  },
  MAX_SUBSCRIPTIONS_PER_VENUE: {
    schema: upTo(1_000),
    form: formUpTo(1_000),
    description: 'Subscriptions to the service’s own events that one venue may have.',
    obtain: 'Choose one.',
    default: '20',
    readBy: ['api'],
    secret: false,
  },
  PROVIDER_CIRCUIT_SECONDS: {
    schema: upTo(3_600),
    form: formUpTo(3_600),
    description:
      'How long a provider, or one account at it, is left alone after five calls in a row have failed. Then a single call tries it.',
    obtain: 'Keep it. The same for every process.',
    default: '60',
    readBy: ['api', 'worker'],
    secret: false,
  },
} as const satisfies Record<string, Variable>;
