import { post } from '../core/delivery.ts';
import type { Delivery } from '../core/delivery.ts';

/** An event of an audience. It has no id, and is not signed. */
export interface MailchimpEvent {
  readonly type: string;
  /** `YYYY-MM-DD HH:MM:SS`. */
  readonly fired_at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Sends an event as Mailchimp does: a form with names in brackets. */
export const deliver = (url: string, event: object): Promise<Delivery> =>
  post(url, {
    payload: new URLSearchParams(flattened(event)).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'MailChimp' },
  });

/** An address is asked for with GET before it is accepted; anything but 200 refuses it. */
export async function answersTheCheck(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(url, {
      headers: { 'user-agent': 'MailChimp.com WebHook Validator' },
      redirect: 'manual',
      signal: AbortSignal.timeout(10_000),
    });
    return status === 200;
  } catch {
    return false;
  }
}

function flattened(value: object, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    const key = prefix === '' ? name : `${prefix}[${name}]`;
    if (typeof member === 'object' && member !== null) return flattened(member, key);
    return [[key, textOf(member)] as [string, string]];
  });
}

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
