import type { WebhookRegistrationGateway } from '../../../api/temporal/webhook-registration-gateway.ts';
import type { RegisterWebhookInput } from '../../../contracts/webhook-registration.ts';

/** In-memory replacement for the workflow that registers addresses: notes what was started. */
export class RecordedRegistrations implements WebhookRegistrationGateway {
  readonly started: RegisterWebhookInput[] = [];

  start(input: RegisterWebhookInput): Promise<void> {
    this.started.push(input);
    return Promise.resolve();
  }
}
