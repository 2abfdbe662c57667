import { Counter, Gauge } from 'prom-client';
import { registry } from './metrics.ts';

const OUTCOMES = ['delivered', 'repeated', 'failed'] as const;

const attempts = new Counter({
  name: 'interlock_outgoing_attempts_total',
  help: 'Attempts to deliver an outgoing webhook, by what becomes of the message.',
  labelNames: ['outcome'],
  registers: [registry],
});
for (const outcome of OUTCOMES) attempts.inc({ outcome }, 0);

/** Counts an attempt: `repeated` follows later, `failed` does not. */
export function countDelivery(outcome: (typeof OUTCOMES)[number]): void {
  attempts.inc({ outcome });
}

/** Where the gauges read how many messages wait. */
export interface PendingSource {
  countPending(): Promise<{ readonly pending: number; readonly overdueSeconds: number }>;
}

let source: PendingSource | null = null;

/** Shows the messages that wait to be delivered. A later source takes the place of the earlier one. */
export function watchDeliveries(pending: PendingSource): void {
  source = pending;
}

type Pending = Awaited<ReturnType<PendingSource['countPending']>>;

/** Each gauge asks by itself, because Prometheus' client collects gauges side by side. */
const gauge = (name: string, help: string, valueOf: (pending: Pending) => number) =>
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      const found = await source?.countPending().catch(() => null);
      this.reset();
      if (found) this.set(valueOf(found));
    },
  });
gauge('interlock_outgoing_pending', 'Outgoing webhooks that wait to be delivered.', ({ pending }) => pending);
gauge(
  'interlock_outgoing_overdue_seconds',
  'For how long the first of the outgoing webhooks that are due has been due.',
  ({ overdueSeconds }) => overdueSeconds,
);
