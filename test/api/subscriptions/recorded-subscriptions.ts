import { v7 as uuidv7 } from 'uuid';
import type { SubscriptionGateway } from '../../../api/temporal/subscription-gateway.ts';
import type { SubscriptionRef } from '../../../contracts/ids.ts';
import type { SampleResult } from '../../../contracts/outgoing-webhooks.ts';

/** In-memory replacement for the workflow that sends samples. */
export class RecordedSubscriptions implements SubscriptionGateway {
  readonly tested: SubscriptionRef[] = [];
  result: Omit<SampleResult, 'messageId'> = { delivered: true, status: 204, error: null, durationMs: 12 };

  async test(ref: SubscriptionRef): Promise<SampleResult> {
    this.tested.push(ref);
    return { messageId: uuidv7(), ...this.result };
  }
}
