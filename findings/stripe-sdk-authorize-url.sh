#!/usr/bin/env bash
# stripe 23.1.0: oauth.authorizeUrl() keeps the configured host and drops its port and protocol.
#
# Every other method honours host, port and protocol, so a stand-in on http://127.0.0.1:4010 gets all calls but never the visitor.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent stripe@23.1.0
cat >observe.mjs <<'JS'
import { Stripe } from 'stripe';

const stripe = new Stripe('sk_test_example', { host: '127.0.0.1', port: 4010, protocol: 'http' });
console.log(stripe.oauth.authorizeUrl({ client_id: 'ca_example' }));
JS
expected=$(cat <<'TEXT'
https://127.0.0.1/oauth/authorize?client_id=ca_example&response_type=code&scope=read_write
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
