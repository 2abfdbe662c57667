import type { Ports, SandboxConfig } from './config.ts';
import { startMailchimpSandbox } from './mailchimp/mailchimp-sandbox.ts';
import { startQuickBooksSandbox } from './quickbooks/quickbooks-sandbox.ts';
import { startSquareSandbox } from './square/square-sandbox.ts';
import { startStripeSandbox } from './stripe/stripe-sandbox.ts';

/** All stand-ins of this process. */
export interface Sandboxes {
  /** Where each provider listens, and the credentials to use with it. */
  readonly announcement: Readonly<Record<string, object>>;
  readonly close: () => Promise<void>;
}

/** Starts every stand-in, or none: when one fails to start, stops the others. Throws the first error. */
export async function startSandboxes({
  ports,
  home,
  stripeSecretKey,
  stripeWebhookSecret,
  webhooksUrl,
}: SandboxConfig): Promise<Sandboxes> {
  const at = ({ api, control }: Ports) => ({ home, port: api, controlPort: control });
  const receiver = (provider: string) => webhooksUrl && `${webhooksUrl}/${provider}`;
  const starting = {
    stripe: startStripeSandbox({
      ...at(ports.stripe),
      secretKey: stripeSecretKey,
      webhookSecret: stripeWebhookSecret,
      webhookUrl: receiver('stripe'),
    }),
    square: startSquareSandbox({ ...at(ports.square), webhookUrl: receiver('square') }),
    quickbooks: startQuickBooksSandbox(at(ports.quickbooks)),
    mailchimp: startMailchimpSandbox(at(ports.mailchimp)),
  };
  const settled = await Promise.allSettled(Object.values(starting));
  const started = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const close = async () => {
    await Promise.all(started.map((sandbox) => sandbox.close()));
  };
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed) {
    await close();
    throw failed.reason;
  }
  const announcement = Object.fromEntries(
    await Promise.all(
      Object.entries(starting).map(async ([provider, sandbox]) => [provider, announced(await sandbox)] as const),
    ),
  );
  return { announcement, close };
}

function announced(sandbox: object): object {
  return Object.fromEntries(Object.entries(sandbox).filter(([, value]) => typeof value === 'string'));
}
