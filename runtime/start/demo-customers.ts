const PEOPLE = [
  ['Ada Winter', 'Berlin', 'DE', '10115'],
  ['Ben Okafor', 'Lagos', 'NG', '100001'],
  ['Carla Reyes', 'Madrid', 'ES', '28001'],
  ['Dmitri Sokol', 'Riga', 'LV', 'LV-1050'],
  ['Elif Demir', 'Istanbul', 'TR', '34000'],
  ['Finn O’Dea', 'Galway', 'IE', 'H91'],
  ['Grace Muller', 'Zürich', 'CH', '8001'],
  ['Hana Sato', 'Osaka', 'JP', '530-0001'],
  ['Ivo Novak', 'Brno', 'CZ', '602 00'],
  ['Jade Martin', 'Lyon', 'FR', '69001'],
  ['Kofi Mensah', 'Accra', 'GH', 'GA-184'],
  ['Lena Holm', 'Malmö', 'SE', '211 20'],
] as const;

/** Invented people: example.com and 555-01xx are reserved for such use. */
export const DEMO_CUSTOMERS = PEOPLE.map(([name, city, country, postalCode], index) => ({
  sourceId: `guest-${String(index + 1).padStart(3, '0')}`,
  name,
  email: `guest${index + 1}@example.com`,
  phone: `+1 212 555 01${String(index + 10)}`,
  address: { line1: `${index + 1} Gallery Street`, line2: null, city, region: null, postalCode, country },
  marketingConsent: index % 3 === 0,
  metadata: { tier: index % 4 === 0 ? 'member' : 'guest' },
}));
