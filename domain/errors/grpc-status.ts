import { causesOf } from './error-codes.ts';

/** https://grpc.io/docs/guides/status-codes/ (2026-11-28) */
const GRPC = {
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unauthenticated: 16,
} as const;

/** Statuses with which a server refuses the same request every time. */
const REFUSALS: ReadonlySet<number> = new Set(Object.values(GRPC));

/**
 * The gRPC status of an error, or of its nearest cause that has one: Temporal's client puts it into `cause`
 * (@temporalio/client 1.24.0).
 */
export const grpcStatusOf = (error: unknown): number | null =>
  causesOf(error)
    .map((cause) => ('code' in cause ? cause.code : undefined))
    .find((code) => typeof code === 'number') ?? null;

/**
 * Whether the server refused the request permanently, for example for an unregistered search attribute, a value that is
 * too long, or a missing permission. An outage has other codes.
 */
export function isRefusedForGood(error: unknown): boolean {
  const status = grpcStatusOf(error);
  return status !== null && REFUSALS.has(status);
}
