"""Whether and when a failed call is tried again: the only place of the project where calls to HubSpot are repeated.

All calls read, also those that HubSpot wants as POST, so that repeating them is always safe.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tenacity import RetryCallState, Retrying, stop_never

from dealcache.deadline import Deadline
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.errors import HubSpotError, MalformedAnswer, RateLimited, TimedOut, Unavailable

T = TypeVar("T")

#: How often a call is tried at most. Somebody waits for an interactive one; a sync would have to start over.
ATTEMPTS = {Priority.INTERACTIVE: 4, Priority.SHARED: 4, Priority.SYNC: 8}

#: How often a 500 is tried. HubSpot does not list it as passing, but its own clients repeat it: one more try tells a
#: hiccup from a bug. A sync may take longer to be sure.
_ATTEMPTS_ON_500 = {Priority.INTERACTIVE: 2, Priority.SHARED: 2, Priority.SYNC: 6}

#: How often a call is tried whose answer cannot be understood. A body that was cut, or a proxy's page with the status
#: 200, passes; an API that has changed does not, and nobody should wait for that.
_ATTEMPTS_ON_MALFORMED = {Priority.INTERACTIVE: 1, Priority.SHARED: 1, Priority.SYNC: 4}

#: Statuses which HubSpot documents as passing ("Error handling"): worth all the tries.
_PASSING = frozenset({423, 502, 503, 504, 521, 523, 524})

#: Seconds before the second try, doubled before each further one up to the ceiling.
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 8.0

#: The longest single sleep, in seconds: a sync that is cancelled in the middle of a long wait has to notice it.
_LOOK_SECONDS = 0.5

#: A locked record stays locked for 2 seconds ("Error handling").
_LOCKED_DELAY = 2.0


def decide(failure: HubSpotError, attempt: int, priority: Priority, remaining: float, chance: float) -> float | None:
    """Decide about a failed try.

    Args:
        failure: what happened.
        attempt: the number of the try that failed, from 1.
        priority: who asks; a sync is more patient.
        remaining: seconds until the deadline.
        chance: a random number from 0 to 1, for the jitter.

    Returns:
        Seconds to wait before the next try, or None to give up.
    """
    if attempt >= _tries_worth(failure, priority):
        return None
    delay = _delay(failure, attempt, chance)
    # A try that can only start when nobody waits for it any more is a wasted call.
    return delay if delay < remaining else None


def _tries_worth(failure: HubSpotError, priority: Priority) -> int:
    """How many tries a failure of this kind deserves."""
    match failure:
        case RateLimited():
            return 1 if failure.daily else ATTEMPTS[priority]
        case TimedOut():
            return ATTEMPTS[priority]
        case MalformedAnswer():
            return _ATTEMPTS_ON_MALFORMED[priority]
        case Unavailable(status=500):
            return _ATTEMPTS_ON_500[priority]
        case Unavailable(status=status) if status is None or status in _PASSING:
            return ATTEMPTS[priority]
    return 1


def _delay(failure: HubSpotError, attempt: int, chance: float) -> float:
    backoff: float = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (attempt - 1)) * (0.5 + chance)
    if isinstance(failure, RateLimited):
        # Never earlier than told, and not all at the same moment.
        return failure.retry_after + _FIRST_DELAY * chance
    if failure.status == 423:
        return _LOCKED_DELAY + backoff
    return backoff


class Retrier:
    """Repeats calls as :func:`decide` says.

    Args:
        sleep: waits so many seconds.
        chance: gives random numbers from 0 to 1.
    """

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, chance: Callable[[], float] = random.random
    ) -> None:
        self._sleep = sleep
        self._chance = chance

    def run(
        self,
        call: Callable[[], T],
        *,
        deadline: Deadline,
        priority: Priority,
        on_retry: Callable[[HubSpotError], None],
    ) -> T:
        """Make ``call``, again where that may help, and return its result.

        Args:
            call: one try.
            deadline: no wait goes past it.
            priority: who asks; a sync is more patient.
            on_retry: told of each failure that is followed by another try.

        Raises:
            HubSpotError: of the last try.
        """
        delay = 0.0

        def another(state: RetryCallState) -> bool:
            nonlocal delay
            failure = state.outcome.exception() if state.outcome else None
            if not isinstance(failure, HubSpotError):
                return False
            decision = decide(failure, state.attempt_number, priority, deadline.remaining(), self._chance())
            if decision is None:
                return False
            on_retry(failure)
            delay = decision
            return True

        rest = partial(self._rest, deadline)
        retrying = Retrying(retry=another, wait=lambda _: delay, stop=stop_never, sleep=rest, reraise=True)
        return retrying(call)

    def _rest(self, deadline: Deadline, seconds: float) -> None:
        """Wait ``seconds``, less when ``deadline`` passes: that of a cancelled sync moves nearer."""
        while seconds > 0.0 and not deadline.expired():
            step = min(seconds, _LOOK_SECONDS)
            self._sleep(step)
            seconds -= step
