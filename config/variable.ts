import { isIP } from 'node:net';
import { z } from 'zod';
import { Secret } from '../vault/secret.ts';

/** The processes that read the environment. `runtime` is the local `npm start`, which starts the others. */
export const PROCESSES = ['api', 'worker', 'runtime', 'migrations'] as const;
export type ProcessName = (typeof PROCESSES)[number];

export interface Variable {
  /** Parses the variable's text. Its messages are never shown, because they could quote a secret. */
  readonly schema: z.ZodType<unknown, string>;
  /** Completes the sentence "It must be …". */
  readonly form: string;
  readonly description: string;
  /** Says how to get a value. */
  readonly obtain: string;
  /** Used when the variable is absent or empty. */
  readonly default?: string;
  /** The processes that refuse to start without it. */
  readonly neededBy?: string;
  readonly readBy: readonly ProcessName[];
  readonly secret: boolean;
}

export const SERVICES = ['api', 'worker'] as const satisfies readonly ProcessName[];

/** A whole number from 1 to `max`. */
export const upTo = (max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(max));
export const formUpTo = (max: number): string => `a whole number from 1 to ${max}`;

export const text = z.string();
export const secret = z.string().transform((value) => new Secret(value));
export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
export const port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .pipe(z.int().max(65_535));
export const count = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number)
  .pipe(z.int().min(1));
export const rate = z
  .string()
  .regex(/^\d{1,6}(\.\d{1,3})?$/)
  .transform(Number)
  .pipe(z.number().positive());
/** Removes trailing slashes, so that a path can be appended. */
export const httpUrl = z
  .url({ protocol: /^https?$/ })
  .refine((value) => {
    const url = URL.parse(value);
    return url?.username === '' && url.password === '';
  })
  .transform((value) => value.replace(/\/+$/, ''));

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether the URL sends data in clear text to another machine: http to a host that is not loopback. */
export function isOpenUrl(value: string): boolean {
  const url = URL.parse(value);
  return url?.protocol === 'http:' && !LOOPBACK.has(url.hostname);
}

/** Normalizes URLs as browsers do, so that they can be compared with parts of another URL. */
export const returnUrls = z
  .string()
  .transform((value) => value.split(',').map((one) => URL.parse(one.trim())))
  .refine((urls) => urls.every((url) => url !== null && isReturnUrl(url)))
  .transform((urls) => urls.flatMap((url) => url?.href ?? []));

function isReturnUrl({ protocol, hostname, username, password, search, hash, href }: URL): boolean {
  // Also checks for `?` and `#`, because `search` and `hash` are empty when nothing follows them.
  const bare = username === '' && password === '' && search === '' && hash === '' && !/[?#]/.test(href);
  // The URL standard allows `*` in a host name, where it would look like a pattern.
  return bare && !hostname.includes('*') && (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname)));
}

export const PORT_FORM = 'a whole number from 0 to 65535';
export const URL_FORM = 'an http or https URL without user and password';
export const COUNT_FORM = 'a whole number from 1 to 999999999';

/** Format of providers' app ids. They go into URLs and are not secret. */
export const appId = z.string().regex(/^[\w.-]+$/);
export const APP_ID_FORM = 'letters, digits, dots, dashes and underscores';

/** Says how to get a provider's address. */
export const STAND_IN_ONLY = 'Change it only to use a stand-in.';

/** IP addresses and networks, such as `10.0.0.0/8`. */
export const networks = z
  .string()
  .transform((value) => value.split(',').map((one) => one.trim()))
  .refine((values) => values.every(isNetwork));
export const NETWORKS_FORM = 'IP addresses and networks such as 10.0.0.0/8, separated by commas';

function isNetwork(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/');
  const most = { 4: 32, 6: 128 }[isIP(address)];
  return (
    most !== undefined && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most))
  );
}

/** A list of secrets of which any may have been used: during a rotation the old one stands beside the new one. */
export const secretList = (pattern: RegExp) =>
  z
    .string()
    .transform((value) => value.split(','))
    .refine((values) => values.every((value) => pattern.test(value)))
    .transform((values): readonly Secret[] => values.map((value) => new Secret(value)));
