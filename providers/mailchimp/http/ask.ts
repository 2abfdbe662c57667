import type { z } from 'zod';
import { issuesOf } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { SessionOptions } from '../../provider.ts';
import { createTransport } from '../../http/transport.ts';
import type { CallLimits, Json } from '../../http/transport.ts';
import { apiBaseOf, dataCentreOf } from '../account.ts';
import type { MailchimpConfig } from '../account.ts';
import { MAILCHIMP_ERRORS } from '../errors.ts';

/** Mailchimp gives up after two minutes (https://mailchimp.com/developer/marketing/docs/fundamentals/, read 2026-11-21). */
const LIMITS: CallLimits = { timeoutMs: 125_000, maxBodyBytes: 32 * 1_024 * 1_024 };

export interface MailchimpCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** What follows `/3.0/`; ids in it are encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** The answer holds one object, which alone may be unreadable. */
  readonly isOneObject?: true;
}

export interface AskOptions {
  /** Numbers of an answer stay text, so that no amount becomes a floating-point number. */
  readonly numbersAsText?: boolean;
  /** In place of those for pages of members. */
  readonly limits?: CallLimits;
}

export interface Ask {
  /** Makes one HTTP call and returns its answer in the requested shape. Throws ProviderError. */
  <Schema extends z.ZodType>(schema: Schema, call: MailchimpCall): Promise<z.output<Schema>>;
  /** Makes a call that is answered without a body. Throws ProviderError. */
  readonly done: (call: MailchimpCall) => Promise<void>;
}

/**
 * Calls of our own: Mailchimp's client shares one token between all accounts of a process
 * (@mailchimp/mailchimp_marketing 3.0.80).
 */
export function createAsk(
  config: Pick<MailchimpConfig, 'apiUrl'>,
  options: SessionOptions,
  { numbersAsText = false, limits = LIMITS }: AskOptions = {},
): Ask {
  const { call, signal = new AbortController().signal, secretKey } = options;
  const transport = createTransport({
    provider: 'mailchimp',
    calls: { call, signal },
    limits,
    numbersAsText,
    errors: MAILCHIMP_ERRORS,
  });
  // The address is made for each call, so that a credential without a data centre fails the call.
  const send = async ({ method, path, query = {}, body }: MailchimpCall) => {
    const parameters = new URLSearchParams(query);
    const search = parameters.size === 0 ? '' : `?${parameters.toString()}`;
    return transport(`${apiBaseOf(config, dataCentreOf(options))}/3.0/${path}${search}`, {
      method,
      headers: {
        authorization: `Bearer ${secretKey.expose()}`,
        accept: 'application/json',
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  };
  const ask = async <Schema extends z.ZodType>(schema: Schema, asked: MailchimpCall): Promise<z.output<Schema>> => {
    const { status, body, requestId } = await send(asked);
    const unexpected = { provider: 'mailchimp', kind: 'unexpected-response', httpStatus: status, requestId } as const;
    // Text or a page where JSON belongs.
    if (body === null) throw new ProviderError(unexpected);
    const parsed = schema.safeParse(body);
    if (!parsed.success)
      throw new ProviderError({ ...unexpected, ...(asked.isOneObject && { unreadable: issuesOf(parsed.error) }) });
    return parsed.data;
  };
  return Object.assign(ask, {
    done: async (asked: MailchimpCall) => {
      await send(asked);
    },
  });
}

/** For a member that is not there, or is archived. */
export const missingMember = (): ProviderError =>
  new ProviderError({ provider: 'mailchimp', kind: 'rejected', httpStatus: 404, code: 'resource-not-found' });

/** For an audience that was deleted at Mailchimp: its members are not read as deleted, and none is added elsewhere. */
export const audienceGone = (): ProviderError =>
  new ProviderError({ provider: 'mailchimp', kind: 'rejected', code: 'audience-gone' });

export const isMissing = (error: unknown): boolean =>
  error instanceof ProviderError && error.details.kind === 'rejected' && error.details.httpStatus === 404;

/** Treats a missing object as null where it may be missing. */
export async function nullWhenMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
