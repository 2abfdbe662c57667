import { z } from 'zod';

const standIn = z.object({ apiUrl: z.string(), controlUrl: z.string() });
const app = { clientId: z.string(), clientSecret: z.string() };

const sandbox = z.object({
  stripe: standIn.extend({
    secretKey: z.string(),
    webhookSecret: z.string(),
    connectUrl: z.string(),
    marketplaceUrl: z.string(),
    connectClientId: z.string(),
    appClientId: z.string(),
    platformKey: z.string(),
  }),
  square: standIn.extend({ ...app, webhookSecret: z.string() }),
  quickbooks: standIn.extend({ ...app, authorizeUrl: z.string(), tokenUrl: z.string(), revokeUrl: z.string() }),
  mailchimp: standIn.extend(app),
});

/** Where each provider's stand-in listens, and the credentials to use with it. */
export type Sandbox = z.output<typeof sandbox>;

const readyLine = sandbox.extend({ ready: z.literal(true) });

/** Parses the sandbox process's ready line; null for any other line of output. */
export function readReadyLine(line: string): Sandbox | null {
  if (!line.startsWith('{')) return null;
  try {
    const { data } = readyLine.safeParse(JSON.parse(line));
    return data === undefined
      ? null
      : { stripe: data.stripe, square: data.square, quickbooks: data.quickbooks, mailchimp: data.mailchimp };
  } catch {
    return null;
  }
}
