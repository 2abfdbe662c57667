/** The venue uses its whole share of the pool, and the request has waited too long for a connection. */
export class VenueBusyError extends Error {
  override readonly name = 'VenueBusyError';

  constructor() {
    super('the venue holds as many database connections as one venue may');
  }
}
