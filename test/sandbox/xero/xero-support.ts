import type { OAuthSandboxOptions } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { startXeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import { later } from '../../support/later.ts';
import { xeroSandboxControl } from '../../support/sandbox/xero-organisation.ts';
import type { XeroAnswer } from '../../support/sandbox/xero-organisation.ts';

/** A stand-in Xero for this test only, with one organisation. */
export async function aXero(options: OAuthSandboxOptions = {}) {
  const sandbox = await startXeroSandbox(options);
  later(() => sandbox.close());
  const control = xeroSandboxControl(sandbox);
  const [organisation] = await control.organisations();
  if (!organisation) throw new Error('a stand-in Xero has organisations from the start');
  return { ...sandbox, control, organisation };
}

export type XeroObject = Readonly<Record<string, unknown>>;

/** The objects of an answer. A refusal fails the test. */
export async function objectsIn(collection: string, answer: Promise<XeroAnswer>): Promise<readonly XeroObject[]> {
  const { status, body } = await answer;
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return body[collection] as readonly XeroObject[];
}

/** The only object of an answer. */
export async function objectIn(collection: string, answer: Promise<XeroAnswer>): Promise<XeroObject> {
  const [one] = await objectsIn(collection, answer);
  if (!one) throw new Error(`no ${collection}`);
  return one;
}

interface Refused {
  readonly Elements?: readonly { readonly ValidationErrors: readonly { readonly Message: string }[] }[];
  readonly Message?: string;
}

/** The status and the sentence of a refusal. */
export async function refusalOf(answer: Promise<XeroAnswer>) {
  const { status, body } = await answer;
  const { Elements: elements, Message: message } = body as Refused;
  return { status, message: elements?.[0]?.ValidationErrors[0]?.Message ?? message };
}
