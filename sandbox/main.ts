import { readConfig } from './config.ts';
import { startStripeSandbox } from './stripe/stripe-sandbox.ts';

// The sandbox process: stand-in providers on loopback, for development and tests. Standard output carries one line, when all is ready.
try {
  const config = readConfig(process.env);
  const stripe = await startStripeSandbox({
    port: config.stripePort,
    controlPort: config.stripeControlPort,
    home: config.home,
    secretKey: config.stripeSecretKey,
    webhookSecret: config.stripeWebhookSecret,
  });
  const stop = () => {
    void stripe.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // Fires only with an IPC channel: the parent that opened it has gone.
  process.once('disconnect', stop);
  const { apiUrl, controlUrl, secretKey, webhookSecret } = stripe;
  process.stdout.write(`${JSON.stringify({ ready: true, stripe: { apiUrl, controlUrl, secretKey, webhookSecret } })}\n`);
} catch (error) {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
