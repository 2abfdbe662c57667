import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** A message as a receiver gets it. */
export interface ReceivedMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

/** A venue's receiver on this machine. It keeps everything that is posted to it, and answers as a test says. */
export async function startWebhookReceiver() {
  const received: ReceivedMessage[] = [];
  const state = { status: 204, answer: '', headers: {} as Readonly<Record<string, string>> };
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      received.push({
        headers: req.headers as Readonly<Record<string, string>>,
        text,
        body: JSON.parse(text) as ReceivedMessage['body'],
      });
      res.writeHead(state.status, state.headers).end(state.answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    /** How it answers from now on. */
    answer: (next: Partial<typeof state>) => Object.assign(state, next),
    ofType: (type: string) => received.filter(({ body }) => body.type === type),
    close: () =>
      new Promise<void>((resolve) =>
        server.close(() => {
          resolve();
        }),
      ),
  };
}

export type WebhookReceiver = Awaited<ReturnType<typeof startWebhookReceiver>>;

/** Whether a message verifies under the secret, as a receiver checks it. */
export function verifies({ text, headers }: ReceivedMessage, secret: string): boolean {
  try {
    new Webhook(secret).verify(text, { ...headers });
    return true;
  } catch {
    return false;
  }
}
