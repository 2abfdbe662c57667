import { ApiError } from '../../../api/errors/api-error.ts';
import type { InboxGateway } from '../../../api/temporal/inbox-gateway.ts';

/** Remembers which drainers were woken; `away` simulates that Temporal is. */
export class RecordedInbox implements InboxGateway {
  readonly woken: number[] = [];
  away = false;

  async wake(partition: number): Promise<void> {
    if (this.away) throw new ApiError('temporal-unavailable', 'The workflow service cannot be reached at the moment.');
    this.woken.push(partition);
  }
}
