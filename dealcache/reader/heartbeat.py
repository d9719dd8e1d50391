"""Gives signs of life for the leases that this process holds, so that each lasts as long as its load, and no longer.

A lease is far shorter than a load may take: when its holder dies, others wait for no more than the lease. So somebody
must extend it while the load goes on, and that must not be the thread that loads, for it waits for HubSpot.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from dealcache.repositories import LoadLease, LoadLeaseRepository, StoreError

log = logging.getLogger(__name__)

#: How long a lease holds after the last sign of life, and so how long a holder that dies delays others at most.
LEASE = timedelta(seconds=3)

#: Seconds between two signs of life: one may be lost without the lease being lost.
BEAT_SECONDS = 1.0


class Heartbeat:
    """One thread for all leases of the process, which is there only while it holds any.

    Args:
        leases: where leases stand.
        beat_seconds: between two signs of life.
    """

    def __init__(self, leases: LoadLeaseRepository, beat_seconds: float = BEAT_SECONDS) -> None:
        self._leases = leases
        self._beat_seconds = beat_seconds
        self._lock = threading.Lock()
        self._held: dict[str, str] = {}
        self._beating = False
        self._stopped = threading.Event()

    @contextmanager
    def keeping(self, *leases: LoadLease) -> Iterator[None]:
        """Keep leases that were acquired while the block runs."""
        with self._lock:
            self._held |= {lease.nonce: lease.key for lease in leases}
            if not self._beating:
                self._beating = True
                # A daemon: a worker that ends must not wait for it.
                threading.Thread(target=self._run, name="load-leases", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                for lease in leases:
                    del self._held[lease.nonce]

    def beat(self) -> None:
        """Give one sign of life for each lease that is held."""
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        try:
            self._leases.renew(held, LEASE)
        except StoreError as error:
            # Whoever takes a lease that ran out loads a second time, which costs calls and breaks nothing.
            log.warning("the leases of %d loads could not be renewed: %s", len(held), error)

    def stop(self) -> None:
        """Ask the thread to end, whatever is held: this process ends."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._beat_seconds):
            with self._lock:
                if not self._held:
                    self._beating = False
                    return
            self.beat()
