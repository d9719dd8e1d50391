"""MongoDB: deals, their events, pipelines, jobs, webhook events and leases, and the rules by which they are written.

Nothing else in the project reads or writes documents. Every operation raises :class:`StoreError`, or
:class:`StoreUnavailable` if MongoDB cannot be reached at all; the driver's own exceptions end here.
"""

from dealcache.repositories.activity_sums.cells import Series
from dealcache.repositories.activity_sums.check import ActivityCheck
from dealcache.repositories.activity_sums.counts import stage_ids
from dealcache.repositories.activity_sums.generations import ActivityGenerations
from dealcache.repositories.activity_sums.sums import ActivitySums, SumsMissingError, SumsVersion
from dealcache.repositories.connection import Connection, StoreError, StoreUnavailable
from dealcache.repositories.corrections import take_back_future_dates, update_name_keys
from dealcache.repositories.deal_batches import DealBatches
from dealcache.repositories.deal_info import DealInfoRepository
from dealcache.repositories.deal_properties import property_text
from dealcache.repositories.deal_store import DealStore
from dealcache.repositories.deal_summaries.settling import DealSummaries, ListsBehindError
from dealcache.repositories.deal_timeline import DealTimelineRepository
from dealcache.repositories.documents import StoredDeal, Totals
from dealcache.repositories.identity import IdentityRepository
from dealcache.repositories.indexes import ensure_indexes
from dealcache.repositories.invalidation_log import MOST_MARKS, HistoryLostError, InvalidationFeed, InvalidationLog
from dealcache.repositories.labels import LabelRepository
from dealcache.repositories.lists.deal_list import DealListRepository
from dealcache.repositories.lists.found_deals import FoundDeal, Spot
from dealcache.repositories.lists.indexes import MOST_INDEXED_PROPERTIES
from dealcache.repositories.lists.preparation import ListPreparation
from dealcache.repositories.lists.query import is_place
from dealcache.repositories.lists.stage_moves import StageTotal
from dealcache.repositories.lists.totals import NO_CURRENCY, ListTotal
from dealcache.repositories.lists.unchanged import Unchanged
from dealcache.repositories.load_leases import LoadEnd, LoadLease, LoadLeaseRepository
from dealcache.repositories.missing_types import Confirmed, MissingTypeRepository
from dealcache.repositories.overview import Overview, OverviewRepository
from dealcache.repositories.participants import ParticipantRepository
from dealcache.repositories.people import PeopleRepository
from dealcache.repositories.sync.jobs import Cancellation, SyncJobRepository
from dealcache.repositories.sync.state import SyncState, SyncStateRepository
from dealcache.repositories.sync.webhook_documents import StoredEvent
from dealcache.repositories.sync.webhook_events import Backlog, EventClaim, FailedRecord, WebhookEventRepository
from dealcache.repositories.workers import WorkerRegistry
