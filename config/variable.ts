import { isIP } from 'node:net';
import { z } from 'zod';
import { Secret } from '../vault/secret.ts';

/** The programs that read the environment. `runtime` is the local `npm start`, which starts the others. */
export const PROCESSES = ['api', 'worker', 'runtime', 'migrations'] as const;
export type ProcessName = (typeof PROCESSES)[number];

export interface Variable {
  /** From the text of the environment to a value. Its messages are never shown: they could quote a secret. */
  readonly schema: z.ZodType<unknown, string>;
  /** Completes "must be …". */
  readonly form: string;
  readonly description: string;
  /** How to get a value. */
  readonly obtain: string;
  /** Used when the variable is absent or empty; absent means that nothing takes its place. */
  readonly default?: string;
  /** What refuses to start without it. */
  readonly neededBy?: string;
  readonly readBy: readonly ProcessName[];
  readonly secret: boolean;
}

export const SERVICES = ['api', 'worker'] as const satisfies readonly ProcessName[];

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
/** Without trailing slashes, so that a path can be appended. */
export const httpUrl = z
  .url({ protocol: /^https?$/ })
  .refine((value) => {
    const url = URL.parse(value);
    return url?.username === '' && url.password === '';
  })
  .transform((value) => value.replace(/\/+$/, ''));

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Over which whoever is on the way can read: http to another machine. */
export function isOpenUrl(value: string): boolean {
  const url = URL.parse(value);
  return url?.protocol === 'http:' && !LOOPBACK.has(url.hostname);
}

/** As a browser would write them, so that they can be compared with the parts of another URL. */
export const returnUrls = z
  .string()
  .transform((value) => value.split(',').map((one) => URL.parse(one.trim())))
  .refine((urls) => urls.every((url) => url !== null && isReturnUrl(url)))
  .transform((urls) => urls.flatMap((url) => url?.href ?? []));

function isReturnUrl({ protocol, hostname, username, password, search, hash, href }: URL): boolean {
  // `href` alone shows a `?` or `#` with nothing behind it.
  const bare = username === '' && password === '' && search === '' && hash === '' && !/[?#]/.test(href);
  // `*` is a host name to the URL standard, and would look like a pattern here.
  return bare && !hostname.includes('*') && (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname)));
}

export const PORT_FORM = 'a whole number from 0 to 65535';
export const URL_FORM = 'an http or https URL without user and password';
export const COUNT_FORM = 'a whole number from 1 to 999999999';

/** What providers call the names of apps: it goes into a URL, and is no secret. */
export const appId = z.string().regex(/^[\w.-]+$/);
export const APP_ID_FORM = 'letters, digits, dots, dashes and underscores';

/** How to get the address of a provider. */
export const STAND_IN_ONLY = 'Change it only to use a stand-in.';

/** Addresses and networks, such as `10.0.0.0/8`. */
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

/** Secrets of which any may have been used: one that is being replaced stands beside the new one. */
export const secretList = (pattern: RegExp) =>
  z
    .string()
    .transform((value) => value.split(','))
    .refine((values) => values.every((value) => pattern.test(value)))
    .transform((values): readonly Secret[] => values.map((value) => new Secret(value)));
