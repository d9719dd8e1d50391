"""The processes that share the database, the statistics of their caches, and the state of the service."""

from dealcache.cluster.cluster_statistics import ClusterStatistics
from dealcache.cluster.membership import Membership
from dealcache.cluster.paging import Page, Place
from dealcache.cluster.status import ServiceStatus, Status
from dealcache.cluster.status_monitor import HubSpotProbe, StatusMonitor
