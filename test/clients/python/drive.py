"""Run beside `interlock_client`, which openapi-python-client has generated: test/clients/clients.test.ts."""

import json
import sys
from uuid import UUID

from interlock_client import AuthenticatedClient
from interlock_client.api.connections import create_connection
from interlock_client.api.records import list_customers, load_customers
from interlock_client.api.schedules import put_schedule
from interlock_client.api.syncs import get_sync, start_sync, watch_sync
from interlock_client.api.venues import create_venue, get_venue
from interlock_client.models import (
    ClockSchedule,
    Connection,
    CustomerBatch,
    CustomerInput,
    Direction,
    Environment,
    IntervalSchedule,
    NewConnection,
    NewConnectionCredentials,
    NewVenue,
    Problem,
    Provider,
    Resource,
    Schedule,
    StartSync,
    SyncMode,
    SyncOutcome,
    SyncRun,
    Venue,
)

base_url, token, secret_key = sys.argv[1:4]
# A status that the document does not name fails the test.
client = AuthenticatedClient(base_url=base_url, token=token, raise_on_unexpected_status=True, timeout=30)


def must(kind, answer):
    assert isinstance(answer, kind), answer
    return answer


venue = must(Venue, create_venue.sync(client=client, body=NewVenue(name="Python", time_zone="Europe/Berlin", currency="EUR"), idempotency_key="py-venue"))
key = NewConnection(provider=Provider.STRIPE, environment=Environment.SANDBOX, credentials=NewConnectionCredentials(secret_key=secret_key))
connection = must(Connection, create_connection.sync(venue.id, client=client, body=key))
# One schedule with each of its two forms.
for settings in (IntervalSchedule(every="1h"), ClockSchedule(cron="0 6 * * *", time_zone="MET", paused=True)):
    must(Schedule, put_schedule.sync(venue.id, connection.id, Resource.CUSTOMERS, client=client, body=settings))

records = [CustomerInput.from_dict({"sourceId": f"c-{index}", "name": f"Customer {index}", "address": {"city": "Berlin"}, "metadata": {"tier": "gold"}}) for index in range(5)]
batch = CustomerBatch(records=[*records, CustomerInput(source_id="bad", email="none")])
loaded = load_customers.sync(venue.id, client=client, body=batch)


def push(mode):
    order = StartSync(connection_id=connection.id, resource=Resource.CUSTOMERS, direction=Direction.PUSH, mode=mode)
    run = must(SyncRun, start_sync.sync(venue.id, client=client, body=order))
    # The stream ends with the run.
    events = must(str, watch_sync.sync(venue.id, run.id, client=client))
    assert "event: finished" in events, events
    return must(SyncRun, get_sync.sync(venue.id, run.id, client=client))


first = push(SyncMode.INCREMENTAL)
second = push(SyncMode.FULL)
assert second.outcome is SyncOutcome.COMPLETED

pages, cities, cursor = [], [], None
while cursor is not None or not pages:
    page = list_customers.sync(venue.id, client=client, limit=2, **({} if cursor is None else {"cursor": cursor}))
    pages.append(len(page.data))
    cities.extend(customer.address.city for customer in page.data)
    cursor = page.next_cursor

bad = must(Problem, create_venue.sync(client=client, body=NewVenue(name="", time_zone="Mars/Olympus", currency="EUR")))
lost = must(Problem, get_venue.sync(UUID("00000000-0000-7000-8000-000000000000"), client=client))
result = {
    "loaded": [loaded.created, loaded.rejected, [rejection.source_id for rejection in loaded.rejections]],
    "first": [first.outcome, first.counts.created],
    "second": [second.outcome, second.counts.created, second.counts.updated, second.counts.unchanged],
    "lastEvent": "finished",
    "pages": pages,
    "cities": cities,
    "problem": [bad.status, bad.code, [error.path for error in bad.errors]],
    "lost": lost.code,
}
print(json.dumps(result))
