"""The age that answers state, against a model that knows what happened, and against what the answers show.

The model derives the moment of each deal from the history of what the service was asked to do; the truth is HubSpot's
own: an answer with a moment must show every change that was made before it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from dealcache.hubspot.errors import HubSpotError
from dealcache.model.jobs import JobStatus, JobType, WebhookEvent
from dealcache.sandbox.simulator import Dataset, Fault
from dealcache.sandbox.simulator.demo_account import demo_owners, demo_pipelines
from tests.integration.service.harness import V2
from tests.integration.sync.harness import LONG_AGO, Account, MakeAccount
from tests.integration.sync.storms import FAULTS

LAG, HORIZON = 5.0, 30.0
DEALS = 8
STAGE = "appointmentscheduled"
NO_CACHE = {"Cache-Control": "no-cache"}


def an_account(make_account: MakeAccount) -> Account:
    """Deals of version 0, two by two with a marker that both have; search is behind."""
    data = Dataset(lambda: LONG_AGO)
    data.owners, data.pipelines = demo_owners(), demo_pipelines()
    for number in range(DEALS):
        properties = {"amount": "0", "dealstage": STAGE if number % 2 else "contractsent"}
        data.add_deal(f"Deal {number}", properties, record_id=1000 + number, already_indexed=True)
    for number in range(0, DEALS, 2):
        pair = [1000 + number, 1001 + number]
        data.add_activity(
            "notes", {"hs_note_body": "marker 0"}, deals=pair, record_id=5000 + number, already_indexed=True
        )
    return make_account(data, index_lag=LAG, SYNC_HORIZON_SECONDS=f"{HORIZON:g}", HUBSPOT_DEADLINE_SECONDS="60")


class History:
    """The changes that were made in HubSpot, and their times."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._made: defaultdict[str, list[float]] = defaultdict(list)

    def change(self, number: int) -> None:
        """Take a deal to its next version: its amount, an activity more, and the marker of its pair."""
        data, deal_id = self._account.data, str(1000 + number)
        first = number - number % 2
        of_pair = sum(len(self._made[str(1000 + one)]) for one in (first, first + 1)) + 1
        version = len(self._made[deal_id]) + 1
        data.update("deals", deal_id, {"amount": str(version)})
        data.update("notes", 5000 + first, {"hs_note_body": f"marker {of_pair}"})
        data.add_activity("calls", {"hs_call_title": f"added {version}"}, deals=[deal_id])
        self._made[deal_id].append(self._account.clock())
        self._account.clock.tick(0.001)

    def before(self, deal_id: str, moment: float) -> int:
        """Return the version that a deal had before a moment."""
        return sum(made < moment for made in self._made[deal_id])

    def assert_shown(self, deal_id: str) -> None:
        """That what MongoDB and the tiers answer holds all changes before the moment that it says."""
        pair = [str(one) for one in (int(deal_id) - int(deal_id) % 2, int(deal_id) - int(deal_id) % 2 + 1)]
        for path, headers in ((V2, None), ("", None), ("", NO_CACHE)):
            info = self._account.service.get(f"{path}deal-info", headers, dealId=deal_id)
            timeline = self._account.service.get(f"{path}deal-timeline", headers, dealId=deal_id)
            if info.status_code != 200 or timeline.status_code != 200:
                continue
            assert info.get_json()["amount"] >= self.before(deal_id, as_of(info)), (path, info.headers)
            owed = self.before(deal_id, as_of(timeline))
            events = timeline.get_json()["events"]
            assert {f"added {version}" for version in range(1, owed + 1)} <= {event["subject"] for event in events}
            marked = [int(event["content"].removeprefix("marker ")) for event in events if event["type"] == "Note"]
            assert marked >= [sum(self.before(one, as_of(timeline)) for one in pair)], (path, timeline.headers)


def as_of(response: Any) -> float:
    shown = response.headers["X-Data-As-Of"]
    return datetime.strptime(shown, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def let_all_see(account: Account) -> None:
    """Have a new watermark count at once."""
    now = [{"$set": {"watermarks.counts_at": "$$NOW"}}]
    account.service.database.sync_state.update_one({"watermark": {"$ne": None}}, now)
    account.sync.mongodb._sync_watermark._known = (float("-inf"), float("-inf"), ())


class Model:
    """Derives how old each deal is; ``frozen`` is up to when syncs count for a deal of which one missed something."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.read_at: dict[str, float] = {}
        self.frozen: dict[str, float] = {}
        self.watermark = float("-inf")

    def whole(self, *deal_ids: str) -> None:
        for deal_id in deal_ids:
            self.read_at[deal_id] = self.account.clock()
            self.frozen.pop(deal_id, None)

    def synced(self, *unread: str) -> None:
        for deal_id in unread:
            self.frozen.setdefault(deal_id, self.watermark)
        self.watermark = max(self.watermark, self.account.clock() - HORIZON)

    def moment(self, deal_id: str) -> float | None:
        if deal_id not in self.read_at:
            return None
        return max(self.read_at[deal_id], self.frozen.get(deal_id, self.watermark))


class Walk:
    """Lets things happen at random, and tells the model."""

    def __init__(self, account: Account, seed: int) -> None:
        self.account, self.random = account, Random(seed)
        self.history, self.model = History(account), Model(account)
        self.service = account.service
        self.deals = [str(1000 + number) for number in range(DEALS)]
        self.shown: dict[str, float] = {}

    def deal(self) -> str:
        return self.random.choice(self.deals)

    def stir(self) -> None:
        """Have the service do something while HubSpot changes, whatever comes of it."""
        deal_id = self.deal()
        how = self.random.choice([{"dealId": deal_id}, {"dealName": f"Deal {int(deal_id) - 1000}"}])
        kinds = [JobType.INCREMENTAL, JobType.INCREMENTAL, JobType.FULL, JobType.CONFIRM]
        work = self.random.choice(
            (
                *(lambda: self.service.get("deal-info", dealId=deal_id, refresh="true"), self.webhook),
                *(lambda: self.service.get("deal-timeline", refresh="true", **how),) * 2,
                *(lambda: self.account.run_whatever(self.random.choice(kinds)),) * 3,
                lambda: self.account.run_whatever(JobType.DEAL, deal=deal_id),
                lambda: self.account.run_whatever(JobType.STAGE, stage=STAGE),
            )
        )
        with suppress(HubSpotError):
            work()
        self.account.clock.tick(self.random.uniform(0.0, 40.0))
        self.account.service.database.sync_jobs.delete_many({"status": "queued"})
        let_all_see(self.account)

    def step(self) -> str:
        work = self.random.choice(
            (
                *(self.change, self.change, self.read, self.refresh, self.webhook, self.incremental, self.incremental),
                *(self.full, self.selected, self.stage, self.failed, self.refused, self.since),
            )
        )
        work()
        self.account.clock.tick(self.random.uniform(1.0, 40.0))
        self.account.service.database.sync_jobs.delete_many({"status": "queued"})
        let_all_see(self.account)
        return work.__name__

    def change(self) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.history.change(self.random.randrange(DEALS))

    def read(self) -> None:
        deal_id = self.deal()
        known = deal_id in self.model.read_at
        self.service.get("deal-info", dealId=deal_id)
        if not known:
            self.model.whole(deal_id)

    def refresh(self) -> None:
        deal_id = self.deal()
        assert self.service.get("deal-info", dealId=deal_id, refresh="true").headers["X-Cache-Tier"] == "hubspot"
        self.model.whole(deal_id)
        self.account.clock.tick(11)

    def webhook(self) -> None:
        """A webhook's news moves no moment, except that a deal is read whole the first time."""
        deal_id, now = self.deal(), datetime.fromtimestamp(self.account.clock(), UTC)
        event = WebhookEvent(f"event {now}", "propertyChange", "deals", deal_id, now)
        self.account.storage.webhook_events.store([event], now)
        self.account.sync.webhooks.processor.process_new()
        self._whole_where_mongodb_says_so()

    def incremental(self) -> None:
        first = self.model.watermark == float("-inf")
        unread = {str(1000 + number) for number in range(DEALS)} if first else set()
        self.account.run()
        self.model.whole(*unread)
        self._whole_where_mongodb_says_so()
        self.model.synced()

    def _whole_where_mongodb_says_so(self) -> None:
        """A sync also reads deals whole that readers have never asked for; which of them it finds is its own affair."""
        for found in self.service.database.deal_info.find({"timeline_synced_at": {"$ne": None}}):
            if found["deal_id"] not in self.model.read_at:
                self.model.whole(found["deal_id"])

    def since(self) -> None:
        if self.model.watermark > float("-inf"):
            self.account.run(JobType.SINCE, epoch_days=1)
            self._whole_where_mongodb_says_so()
            if self.account.clock() - 86_400 <= self.model.watermark:
                self.model.synced()

    def full(self) -> None:
        self.account.run(JobType.FULL)
        self.model.whole(*(str(1000 + number) for number in range(DEALS)))
        self.model.synced()

    def selected(self) -> None:
        deal_id = self.deal()
        self.account.run(JobType.DEAL, deal=deal_id)
        self.model.whole(deal_id)

    def stage(self) -> None:
        if self.model.watermark == float("-inf"):
            return  # which stages there are is not known yet
        self.account.run(JobType.STAGE, stage=STAGE)
        self.model.whole(*(str(1000 + number) for number in range(1, DEALS, 2)))

    def failed(self) -> None:
        """A sync that HubSpot refuses a type, or everything; deals that it reads whole for the first time it has."""
        fault = self.random.choice([Fault("notes/search", 403), Fault("deals/search", 500), Fault(".", 401)])
        if self.model.watermark == float("-inf"):
            return
        self.account.hubspot.faults.add(fault)
        assert self.account.run_whatever(JobType.INCREMENTAL).status is JobStatus.FAILED
        self.account.hubspot.faults.clear()
        self._whole_where_mongodb_says_so()

    def refused(self) -> None:
        """A sync to which HubSpot refuses one deal, which has changed."""
        if self.model.watermark == float("-inf"):
            return
        number = self.random.randrange(DEALS)
        deal_id = str(1000 + number)
        self.history.change(number)
        self.account.clock.tick(LAG + 1)
        known = deal_id in self.model.read_at
        self.account.hubspot.faults.add(Fault("deals/batch/read", 500, record=deal_id))
        self.account.run()
        self.account.hubspot.faults.clear()
        self._whole_where_mongodb_says_so()
        self.model.synced(*([deal_id] if known else []))

    def check(self, last: str) -> None:
        for number in range(DEALS):
            deal_id = str(1000 + number)
            answer = self.service.get(V2 + "deal-info", dealId=deal_id)
            moment = self.model.moment(deal_id)
            if moment is None:
                assert answer.status_code == 404
                continue
            assert as_of(answer) == int(moment), (last, deal_id, as_of(answer) - moment)
            assert as_of(answer) >= self.shown.get(deal_id, 0.0), "it went back"
            self.shown[deal_id] = as_of(answer)
            fresh = self.service.get("deal-info", NO_CACHE, dealId=deal_id)
            assert fresh.headers["X-Data-As-Of"] == answer.headers["X-Data-As-Of"]
            kept = self.service.get("deal-info", dealId=deal_id)
            assert as_of(kept) <= as_of(answer)
        if self.model.read_at:
            self.history.assert_shown(self.random.choice(sorted(self.model.read_at)))


def seeds(first: int, *others: int) -> list[Any]:
    """One seed, and others for `make test-long`."""
    return [first, *(pytest.param(one, marks=pytest.mark.long) for one in others)]


@pytest.mark.usefixtures("no_second_try")
@pytest.mark.parametrize("seed", seeds(1, 2, 3, 4, 5))
def test_every_answer_is_as_old_as_it_must_be(make_account: MakeAccount, seed: int) -> None:
    walk = Walk(an_account(make_account), seed)
    for _ in range(25):
        walk.check(walk.step())


def stir_between_calls(walk: Walk, faulty: float) -> None:
    """Let the account change, and time pass, between the calls that the service makes; some calls fail.

    Args:
        walk: what happens besides.
        faulty: the share of the calls that fail, 0 to 1.
    """
    lock = threading.RLock()  # the service makes several calls at once

    def take(_kind: str, _method: str, _path: str, _body: bytes = b"") -> Fault | None:
        with lock:
            if walk.random.random() < 0.2:
                walk.history.change(walk.random.randrange(DEALS))
            walk.account.clock.tick(walk.random.uniform(0.0, 2.0))
            return walk.random.choice(FAULTS) if walk.random.random() < faulty else None

    walk.account.hubspot.faults.take = take  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", seeds(7, 8, 9, 10, 11, 12, 13, 14))
def test_no_answer_says_that_it_is_younger_than_it_is(make_account: MakeAccount, seed: int) -> None:
    walk = Walk(an_account(make_account), seed)
    stir_between_calls(walk, faulty=0.02 * (seed % 2))
    shown: defaultdict[str, float] = defaultdict(float)
    for _ in range(25):
        walk.stir()
        for deal_id in walk.random.sample(walk.deals, 3):
            walk.history.assert_shown(deal_id)
            answer = walk.service.get(V2 + "deal-info", dealId=deal_id)
            if answer.status_code == 200:
                assert as_of(answer) >= shown[deal_id], "it went back"
                shown[deal_id] = as_of(answer)


@pytest.mark.parametrize("how", [{"dealName": "Deal 3"}, {"dealId": "1003"}], ids=["name", "id"])
def test_a_refresh_shows_what_no_search_shows_yet(make_account: MakeAccount, how: dict[str, str]) -> None:
    account = an_account(make_account)
    account.clock.tick(60)
    account.service.get("deal-info", dealId="1003")
    history = History(account)
    history.change(3)
    account.clock.tick(1.5)
    answer = account.service.get("deal-info", refresh="true", **how)
    assert (answer.get_json()["amount"], as_of(answer)) == (1, int(account.clock()))
    history.assert_shown("1003")


def test_a_refresh_by_a_name_that_the_deal_had_a_moment_ago(make_account: MakeAccount) -> None:
    account = an_account(make_account)
    other = account.data.add_deal("Deal 3", already_indexed=True)
    account.clock.tick(60)
    account.service.get("deal-info", dealName="Deal 3")
    account.data.update("deals", 1003, {"dealname": "Renamed"})
    account.data.archive("deals", 1004)
    account.clock.tick(1.5)
    found = account.service.get("deal-info", dealName="Deal 3", refresh="true")
    assert (found.get_json()["dealId"], as_of(found)) == (other, int(account.clock()))
    assert account.service.get("deal-info", dealName="Deal 4", refresh="true").status_code == 404
