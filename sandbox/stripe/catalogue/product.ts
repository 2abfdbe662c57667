import { mix, pick, seedCode } from '../control/seeds.ts';
import type { Shape, Stored } from '../http/table.ts';

/** The mutable fields of a product. The id and `created` belong to the stored object. */
export interface ProductFields {
  readonly active: boolean;
  readonly default_price: string | null;
  readonly description: string | null;
  readonly images: readonly string[];
  readonly marketing_features: readonly { readonly name: string }[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly name: string;
  readonly package_dimensions: {
    readonly height: number;
    readonly length: number;
    readonly weight: number;
    readonly width: number;
  } | null;
  readonly shippable: boolean | null;
  readonly statement_descriptor: string | null;
  readonly tax_code: string | null;
  readonly type: 'good' | 'service';
  readonly unit_label: string | null;
  /** Seconds since the epoch. */
  readonly updated: number;
  readonly url: string | null;
}

export const EMPTY_PRODUCT: ProductFields = {
  active: true,
  default_price: null,
  description: null,
  images: [],
  marketing_features: [],
  metadata: {},
  name: '',
  package_dimensions: null,
  shippable: null,
  statement_descriptor: null,
  tax_code: null,
  type: 'service',
  unit_label: null,
  updated: 0,
  url: null,
};

/** The product resource of API 2026-10-28.endive: https://docs.stripe.com/api/products/object. */
function renderProduct({ id, created, fields }: Stored<ProductFields>) {
  return {
    id,
    object: 'product' as const,
    active: fields.active,
    created,
    default_price: fields.default_price,
    description: fields.description,
    images: fields.images,
    livemode: false,
    marketing_features: fields.marketing_features,
    metadata: fields.metadata,
    name: fields.name,
    package_dimensions: fields.package_dimensions,
    shippable: fields.shippable,
    statement_descriptor: fields.statement_descriptor,
    tax_code: fields.tax_code,
    tax_details: null,
    type: fields.type,
    unit_label: fields.unit_label,
    updated: fields.updated,
    url: fields.url,
  };
}

const WARES = [
  'Chai',
  'Aniseed syrup',
  'Gumbo mix',
  'Cranberry sauce',
  'Ikura',
  'Tofu',
  'Pavlova',
  'Marmalade',
  'Tunnbröd',
  'Schokolade',
];

export const productShape: Shape<ProductFields> = {
  render: renderProduct,
  keys: { url: ({ url }) => url },
  seed: {
    id: (salt, no) => `prod_${seedCode(salt, no)}`,
    fields: ({ no, created, salt }) => ({
      ...EMPTY_PRODUCT,
      name: `${pick(WARES, mix(no))} ${no}`,
      default_price: `price_1${seedCode(salt, no)}`,
      metadata: { seed: String(no) },
      updated: created,
    }),
  },
};
