"""All repositories of one process, on its connections to MongoDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from dealcache.breaker import Breaker
from dealcache.clock import RemoteClock
from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.connection import Connection, StoreError
from dealcache.repositories.deal_batches import DealBatches
from dealcache.repositories.deal_info import DealInfoRepository
from dealcache.repositories.deal_properties import StoredProperties
from dealcache.repositories.deal_store import DealStore
from dealcache.repositories.deal_summaries.check import SummaryCheck
from dealcache.repositories.deal_summaries.settling import DealSummaries
from dealcache.repositories.deal_timeline import DealTimelineRepository
from dealcache.repositories.identity import IdentityRepository
from dealcache.repositories.indexes import PropertyIndexes
from dealcache.repositories.invalidation_log import InvalidationFeed, InvalidationLog
from dealcache.repositories.labels import LabelRepository
from dealcache.repositories.lists.deal_list import DealListRepository
from dealcache.repositories.lists.preparation import ListPreparation
from dealcache.repositories.lists.stage_totals import StageTotalRepository
from dealcache.repositories.load_leases import LoadLeaseRepository
from dealcache.repositories.missing_types import MissingTypeRepository
from dealcache.repositories.overview import OverviewRepository
from dealcache.repositories.participants import ParticipantRepository
from dealcache.repositories.people import PeopleRepository
from dealcache.repositories.stage_times import STAGE_TIMES
from dealcache.repositories.sync.jobs import SyncJobRepository
from dealcache.repositories.sync.state import SyncStateRepository
from dealcache.repositories.sync.webhook_events import WebhookEventRepository
from dealcache.repositories.workers import WorkerRegistry
from dealcache.repositories.writes.dirty_marks import DirtyMarks

#: Seconds that a readiness probe waits for MongoDB.
_PROBE_SECONDS = 2.0


class Storage:
    """All repositories of one process.

    Args:
        uri: the URI of MongoDB.
        database: its name.
        threads: how many threads may use MongoDB at once.
        unreadable: counts the documents that cannot be read.
        clock: synchronized with MongoDB's.
        now: the wall clock, aware, in UTC; the same clock unless given.
        deal_properties: the names of the own properties of deals.
        definitions: returns the definitions of these, as far as they are known.
        stage_history: True if lists show how long deals have been in their stages.
        people: True if events are read with the people that take part.
    """

    def __init__(
        self,
        uri: str,
        database: str,
        threads: int,
        unreadable: UnreadableRecords,
        clock: RemoteClock,
        now: Callable[[], datetime] | None = None,
        deal_properties: Sequence[str] = (),
        definitions: Callable[[], Mapping[str, PropertyDefinition]] = dict,
        *,
        stage_history: bool = False,
        people: bool = False,
    ) -> None:
        self.unreadable = unreadable
        self.connection = Connection(uri, database, threads=threads, unreadable=unreadable, clock=clock)
        marks = DirtyMarks()
        now = now or (lambda: datetime.fromtimestamp(clock.now(), UTC))
        #: The summaries of deals' events for lists, and the version of all lists.
        self.summaries = DealSummaries(self.connection, marks, now)
        self.prepare_lists = ListPreparation(self.connection, self.summaries)
        self.summary_check = SummaryCheck(self.connection, self.summaries)
        self.own_properties = StoredProperties(deal_properties, definitions, unreadable)
        self.identity = IdentityRepository(self.connection)
        home_currency = self.identity.home_currency
        self.deals = DealInfoRepository(self.connection, self.summaries, self.own_properties, home_currency)
        self.property_indexes = PropertyIndexes(self.connection, deal_properties, now)
        self.deal_batches = DealBatches(self.connection)
        further = self.own_properties.projection | (STAGE_TIMES if stage_history else {})
        self.deal_list = DealListRepository(self.connection, further=further, home_currency=home_currency)
        self.stage_totals = StageTotalRepository(self.connection)
        self.timelines = DealTimelineRepository(self.connection, marks, people=people)
        self.labels = LabelRepository(self.connection, deal_properties)
        self.participants = ParticipantRepository(self.connection)
        self.people = PeopleRepository(self.connection, self.participants)
        self.missing_types = MissingTypeRepository(self.connection)
        self.store = DealStore(self.deals, self.timelines, self.summaries, self.people)
        self.sync_jobs = SyncJobRepository(self.connection)
        self.sync_state = SyncStateRepository(self.connection)
        #: The name of this database among all others; None until it is known.
        self.installation: str | None = None
        self.webhook_events = WebhookEventRepository(self.connection)
        self.load_leases = LoadLeaseRepository(self.connection)
        # Followers have a connection of their own, and a breaker that never refuses; see InvalidationLog.
        self._following = Connection(uri, database, threads=4, breaker=Breaker(0.0))
        self.invalidations = InvalidationLog(self.connection, self._following)
        self.invalidation_feed = InvalidationFeed(self._following)
        # On the same: a worker must not be taken for dead because its readers use all connections.
        self.workers = WorkerRegistry(self._following, clock)
        self.overview = OverviewRepository(self._following)

    def learn_installation(self) -> None:
        """Learn the name of this database among all others; raise StoreError if MongoDB fails."""
        self.installation = self.identity.installation()

    def close(self) -> None:
        """Close all connections to MongoDB."""
        self.connection.close()
        self._following.close()

    def answers(self) -> bool:
        """Return True if MongoDB answers."""
        try:
            self.connection.ping(_PROBE_SECONDS)
        except StoreError:
            return False
        return True
