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

/** A server that answers with one of these answers so again. */
const REFUSALS: ReadonlySet<number> = new Set(Object.values(GRPC));

/** The gRPC status of an error or of the nearest of its causes that has one: Temporal's client puts it into `cause` (@temporalio/client 1.24.0). */
export const grpcStatusOf = (error: unknown): number | null =>
  causesOf(error)
    .map((cause) => ('code' in cause ? cause.code : undefined))
    .find((code) => typeof code === 'number') ?? null;

/** Whether the server has refused the request for good: an unregistered search attribute, a value that is too long, a missing right. An outage has other codes. */
export function isRefusedForGood(error: unknown): boolean {
  const status = grpcStatusOf(error);
  return status !== null && REFUSALS.has(status);
}
