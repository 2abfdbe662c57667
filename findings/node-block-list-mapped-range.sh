#!/usr/bin/env bash
# Node 24.21.0: net.BlockList with the range ::ffff:0:0/96 answers true for every IPv4 address, also when it is asked for with the family ipv4.
#
# Lists of addresses that a server must not call name that range, which holds the IPv4-mapped IPv6 addresses. BlockList compares an IPv4 address
# in its mapped form, so that the whole of IPv4 is refused. The entry is not needed: a rule for an IPv4 range also meets its mapped addresses.
# Seen with Node 20.20 as well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node@24.21.0
cat >observe.mjs <<'JS'
import { BlockList } from 'node:net';

const withMapped = new BlockList();
withMapped.addSubnet('::ffff:0:0', 96, 'ipv6');
const withIpv4 = new BlockList();
withIpv4.addSubnet('10.0.0.0', 8, 'ipv4');
const asked = [['192.0.2.1', 'ipv4'], ['::ffff:192.0.2.1', 'ipv6'], ['2001:db8::1', 'ipv6'], ['10.1.2.3', 'ipv4'], ['::ffff:10.1.2.3', 'ipv6']];
for (const [address, family] of asked) {
  console.log(`${address}: blocked by ::ffff:0:0/96 ${withMapped.check(address, family)}, by 10.0.0.0/8 ${withIpv4.check(address, family)}`);
}
JS
expected=$(cat <<'TEXT'
192.0.2.1: blocked by ::ffff:0:0/96 true, by 10.0.0.0/8 false
::ffff:192.0.2.1: blocked by ::ffff:0:0/96 true, by 10.0.0.0/8 false
2001:db8::1: blocked by ::ffff:0:0/96 false, by 10.0.0.0/8 false
10.1.2.3: blocked by ::ffff:0:0/96 true, by 10.0.0.0/8 true
::ffff:10.1.2.3: blocked by ::ffff:0:0/96 true, by 10.0.0.0/8 true
TEXT
)
seen=$(node_modules/.bin/node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
