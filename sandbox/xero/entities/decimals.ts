/** A decimal number of a body, rounded as Xero rounds amounts. */
export function withDecimals(value: unknown, digits: number): number {
  const number = Number(value ?? 0);
  return Number(`${Math.round(Number(`${number}e${digits}`))}e-${digits}`);
}
