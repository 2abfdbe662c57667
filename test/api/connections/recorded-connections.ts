import { ApiError } from '../../../api/errors/api-error.ts';
import type {
  AuthorizationAttempt,
  AuthorizationGateway,
  Completion,
} from '../../../api/temporal/authorization-gateway.ts';
import type { AccountConnection, ConnectionGateway } from '../../../api/temporal/connection-gateway.ts';
import type {
  AuthorizationCallback,
  AuthorizationOutcome,
  AuthorizeConnectionInput,
  ConnectionTestResult,
  DisconnectRequest,
} from '../../../contracts/connections.ts';
import type { ConnectionId } from '../../../contracts/ids.ts';

/** Stands where the workflows of connections stand: an attempt can be completed once. Can be told to be away, and how the next attempts end. */
export class RecordedConnections implements AuthorizationGateway, ConnectionGateway {
  readonly inputs = new Map<string, AuthorizeConnectionInput>();
  readonly callbacks: { readonly attempt: string; readonly callback: AuthorizationCallback }[] = [];
  readonly disconnected: (AccountConnection & DisconnectRequest)[] = [];
  readonly withdrawn: ConnectionId[] = [];
  readonly looked: ConnectionId[] = [];
  readonly revoked: AccountConnection[] = [];
  readonly tested: ConnectionId[] = [];
  readonly listed: ConnectionId[] = [];
  /** What comes of asking for accounts; it may write down what the provider lists. */
  onListAccounts: ((connection: AccountConnection) => Promise<ConnectionTestResult>) | null = null;
  testResult: ConnectionTestResult = { outcome: 'accepted', refusal: null };
  away = false;
  /** Nobody takes what is handed over. */
  noWorker = false;
  /** What is handed over is taken after its sender was told that nobody would. */
  lateWorker = false;
  /** Of the attempts that are completed from now on; null: none is done in time. */
  end: ((input: AuthorizeConnectionInput) => AuthorizationOutcome) | null = ({ connectionId }) => ({
    outcome: 'connected',
    connectionId,
  });
  readonly #attempts = new Map<string, AuthorizationAttempt>();

  async begin(attempt: string, input: AuthorizeConnectionInput, returnUrl: string | null): Promise<void> {
    this.#mustBeThere();
    this.inputs.set(attempt, input);
    const { venueId, connectionId, provider } = input;
    this.#attempts.set(attempt, { venueId, connectionId, provider, returnUrl, state: 'open', outcome: null });
  }

  async find(attempt: string): Promise<AuthorizationAttempt | null> {
    this.#mustBeThere();
    return this.#attempts.get(attempt) ?? null;
  }

  async complete(attempt: string, callback: AuthorizationCallback): Promise<Completion> {
    this.#mustBeThere();
    if (this.noWorker) throw noWorker();
    const input = this.inputs.get(attempt);
    if (!input || this.callbacks.some((before) => before.attempt === attempt)) return { kind: 'used' };
    this.callbacks.push({ attempt, callback });
    if (this.lateWorker) throw noWorker();
    if (callback.kind === 'approved' && !this.end) return { kind: 'pending' };
    const outcome: AuthorizationOutcome =
      callback.kind === 'denied' || !this.end
        ? { outcome: 'refused', connectionId: input.connectionId, code: 'denied' }
        : this.end(input);
    this.finish(attempt, 'ended', outcome);
    return { kind: 'ended', outcome };
  }

  async withdraw(connectionId: ConnectionId): Promise<void> {
    this.#mustBeThere();
    this.withdrawn.push(connectionId);
  }

  async disconnect({ venueId, connectionId, provider }: AccountConnection, request: DisconnectRequest): Promise<void> {
    this.#mustBeThere();
    if (this.noWorker) throw noWorker();
    this.disconnected.push({ venueId, connectionId, provider, ...request });
  }

  async listAccounts(connection: AccountConnection): Promise<ConnectionTestResult> {
    this.#mustBeThere();
    this.listed.push(connection.connectionId);
    if (this.noWorker) throw noWorker();
    return (await this.onListAccounts?.(connection)) ?? { outcome: 'accepted', refusal: null };
  }

  async test({ connectionId }: AccountConnection): Promise<ConnectionTestResult> {
    this.#mustBeThere();
    this.tested.push(connectionId);
    return this.testResult;
  }

  async lookAgain({ connectionId }: AccountConnection): Promise<void> {
    this.#mustBeThere();
    this.looked.push(connectionId);
  }

  async accessRevoked({ venueId, connectionId, provider }: AccountConnection): Promise<void> {
    this.#mustBeThere();
    this.revoked.push({ venueId, connectionId, provider });
  }

  /** An attempt ends without its callback: time, or somebody in the Web UI. */
  finish(attempt: string, state: 'ended' | 'failed', outcome: AuthorizationOutcome | null): void {
    const known = this.#attempts.get(attempt);
    if (known) this.#attempts.set(attempt, { ...known, state, outcome });
  }

  #mustBeThere(): void {
    if (this.away)
      throw new ApiError('temporal-unavailable', 'The workflow service cannot be reached at the moment.', {
        retryAfterMs: 2_000,
      });
  }
}

const noWorker = (): ApiError =>
  new ApiError('worker-unavailable', 'No worker has taken the request in time.', { retryAfterMs: 5_000 });
