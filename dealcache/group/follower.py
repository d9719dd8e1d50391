"""Follows the record of invalidations in MongoDB: by change stream on a replica set, else by a cheap poll."""

from __future__ import annotations

import logging
import threading

from dealcache.group.journal import Journal
from dealcache.reader import Trust
from dealcache.repositories import InvalidationFeed, StoreError

log = logging.getLogger(__name__)

#: Seconds between two polls, and after a failure: four times in the second within which a clear must be known.
_POLL_SECONDS = 0.25

_STOP_SECONDS = 2.0


class Follower:
    """Keeps one process up to date, in a thread of its own.

    Args:
        journal: applies what was recorded.
        feed: tells of new entries where MongoDB can.
        trust: is told each time that everything recorded so far is known.
    """

    def __init__(self, journal: Journal, feed: InvalidationFeed, trust: Trust) -> None:
        self._journal = journal
        self._feed = feed
        self._trust = trust
        self._stopped = threading.Event()
        self._heard = True
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Begin. Called after the fork."""
        self._trust.begin()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow()
            except StoreError as failure:
                self._note(heard=False, why=str(failure))
            except Exception:
                log.exception("following the record of invalidations failed")
            self._stopped.wait(_POLL_SECONDS)

    def _follow(self) -> None:
        """Follow until told to stop, or until MongoDB fails."""
        is_told = self._feed.open()
        try:
            self._look()
            while not self._stopped.is_set():
                if is_told:
                    self._listen()
                elif not self._stopped.wait(_POLL_SECONDS):
                    self._look()
        finally:
            self._feed.close()

    def _look(self) -> None:
        moment = self._trust.moment()
        self._journal.catch_up()
        self._be_sure(moment)

    def _listen(self) -> None:
        moment = self._trust.moment()
        self._journal.take(self._feed.take())
        self._be_sure(moment)

    def _be_sure(self, moment: tuple[float, float]) -> None:
        self._trust.note(moment)
        self._note(heard=True)
        self._journal.retry()

    def _note(self, heard: bool, why: str = "") -> None:
        """Say in the log when following breaks off, and when it goes on."""
        if heard != self._heard:
            self._heard = heard
            if heard:
                log.info("the record of invalidations is followed again")
            else:
                log.warning("the record of invalidations cannot be followed: %s", why)
