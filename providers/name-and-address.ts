type Named = Readonly<Record<string, unknown>>;

/**
 * A name and an e-mail address as one text, which is equal for one person; null without both. Two people may share a name,
 * and hardly a name and an address.
 */
export function nameAndAddress({ name, email }: Named): string | null {
  if (typeof name !== 'string' || typeof email !== 'string') return null;
  return JSON.stringify([name.toLowerCase(), email.trim().toLowerCase()]);
}

export function isOnePerson(one: Named, other: Named): boolean {
  const known = nameAndAddress(one);
  return known !== null && known === nameAndAddress(other);
}
