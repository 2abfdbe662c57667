import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535).default(0);
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const schema = z.object({
  SANDBOX_STRIPE_PORT: port,
  SANDBOX_STRIPE_CONTROL_PORT: port,
  SANDBOX_SQUARE_PORT: port,
  SANDBOX_SQUARE_CONTROL_PORT: port,
  SANDBOX_QUICKBOOKS_PORT: port,
  SANDBOX_QUICKBOOKS_CONTROL_PORT: port,
  SANDBOX_MAILCHIMP_PORT: port,
  SANDBOX_MAILCHIMP_CONTROL_PORT: port,
  SANDBOX_HOME: optional(z.string()),
  SANDBOX_STRIPE_SECRET_KEY: optional(z.string().regex(/^sk_test_\w{4,}$/, 'must look like sk_test_…')),
  SANDBOX_WEBHOOKS_URL: optional(z.url({ protocol: /^https?$/ })),
  SANDBOX_STRIPE_WEBHOOK_SECRET: optional(z.string().regex(/^whsec_\w{4,}$/, 'must look like whsec_…')),
});

/** 0 takes any free port. */
export interface Ports {
  readonly api: number;
  readonly control: number;
}

export interface SandboxConfig {
  readonly ports: Readonly<Record<'stripe' | 'square' | 'quickbooks' | 'mailchimp', Ports>>;
  /** Folder that holds the state. When absent, state lives in memory only. */
  readonly home: string | undefined;
  readonly stripeSecretKey: string | undefined;
  readonly stripeWebhookSecret: string | undefined;
  /**
   * Base URL of our service's webhook endpoints; the provider's name is appended. When absent, only webhooks requested
   * through the control API are sent.
   */
  readonly webhooksUrl: string | undefined;
}

/**
 * Reads the configuration of the sandbox process. The thrown error names every invalid variable and never its value.
 */
export function readConfig(env: NodeJS.ProcessEnv): SandboxConfig {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'));
  }
  const { data } = parsed;
  return {
    ports: {
      stripe: { api: data.SANDBOX_STRIPE_PORT, control: data.SANDBOX_STRIPE_CONTROL_PORT },
      square: { api: data.SANDBOX_SQUARE_PORT, control: data.SANDBOX_SQUARE_CONTROL_PORT },
      quickbooks: { api: data.SANDBOX_QUICKBOOKS_PORT, control: data.SANDBOX_QUICKBOOKS_CONTROL_PORT },
      mailchimp: { api: data.SANDBOX_MAILCHIMP_PORT, control: data.SANDBOX_MAILCHIMP_CONTROL_PORT },
    },
    home: data.SANDBOX_HOME,
    stripeSecretKey: data.SANDBOX_STRIPE_SECRET_KEY,
    stripeWebhookSecret: data.SANDBOX_STRIPE_WEBHOOK_SECRET,
    webhooksUrl: data.SANDBOX_WEBHOOKS_URL,
  };
}
