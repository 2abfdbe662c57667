#!/bin/sh
# Makes the namespace and Interlock's search attributes, where they are missing. Safe to repeat.
# temporal itself reads TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
set -eu
: "${TEMPORAL_ADDRESS:?}" "${TEMPORAL_NAMESPACE:?}" "${TEMPORAL_RETENTION:?}"

# Repeats a command once a second, for up to a minute: a server that answers may still be gathering its parts, and a new namespace
# is known to all of them only after some seconds.
eventually() {
  attempt=1
  until output=$("$@" 2>&1); do
    if [ "$attempt" -ge 60 ]; then
      echo "after $attempt attempts: $*: $output" >&2
      return 1
    fi
    attempt=$((attempt + 1))
    sleep 1
  done
}

eventually temporal operator cluster health

if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
fi

eventually temporal operator search-attribute list
known=$output

# contracts/temporal.ts has the same list; a test holds the two together.
for attribute in \
  VenueId=Keyword \
  Provider=Keyword \
  ConnectionId=Keyword \
  Resource=Keyword \
  Direction=Keyword \
  Phase=Keyword \
  ErrorType=Keyword \
  NeedsAttention=Bool; do
  name=${attribute%=*}
  if ! echo "$known" | grep -qw "$name"; then
    eventually temporal operator search-attribute create --name "$name" --type "${attribute#*=}"
  fi
done

echo "namespace $TEMPORAL_NAMESPACE is ready"
