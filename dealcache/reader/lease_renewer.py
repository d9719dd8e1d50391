"""Renews the leases that this process holds, so that each lasts exactly as long as its load.

A lease is far shorter than a load may take, so that others wait only briefly when its holder dies. So it must be
renewed during the load, and not by the loading thread, which waits for HubSpot.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from dealcache.background import BackgroundThread
from dealcache.repositories import LoadLease, LoadLeaseRepository, StoreError

log = logging.getLogger(__name__)

#: How long a lease lasts after a renewal, and so how long a dead holder delays others at most.
LEASE = timedelta(seconds=3)

#: Seconds between two renewals, short enough for one to fail without losing the lease.
RENEW_SECONDS = 1.0


class LeaseRenewer:
    """One thread for all leases of the process, started with the first.

    Args:
        leases: the leases of all processes.
        pause: seconds between two renewals.
    """

    def __init__(self, leases: LoadLeaseRepository, pause: float = RENEW_SECONDS) -> None:
        self._leases = leases
        self._pause = pause
        self.thread = BackgroundThread("load leases", self.renew, pause)
        self._lock = threading.Lock()
        self._held: dict[str, str] = {}

    @contextmanager
    def keeping(self, *leases: LoadLease) -> Iterator[None]:
        """Renew acquired leases while the block runs."""
        with self._lock:
            self._held |= {lease.nonce: lease.key for lease in leases}
        self.thread.start(self._pause)
        try:
            yield
        finally:
            with self._lock:
                for lease in leases:
                    del self._held[lease.nonce]

    def renew(self) -> None:
        """Renew all held leases."""
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        try:
            self._leases.renew(held, LEASE)
        except StoreError as error:
            # A process that takes over an expired lease loads a second time, which costs calls and breaks nothing.
            log.warning("the leases of %d loads could not be renewed: %s", len(held), error)
