"""The slots of one bucket, counted in Redis for all workers of all hosts, and by each worker alone without Redis.

A Lua script decides there, on Redis' own clock, by the rules of :mod:`~dealcache.hubspot.window` and
:mod:`~dealcache.hubspot.pacing`. A call that may start at once costs two round trips, one to start and one to finish;
a waiting caller costs two a second. What a worker that died had under way is given back after
:data:`~dealcache.hubspot.budget_script.LEASE_SECONDS` and a period.

Redis may be gone, or come back empty, at any time. A worker is therefore in one of two conditions:

- **Certain**: Redis answers and knows all calls that count. It alone decides.
- **Uncertain**: Redis does not answer, or has only lately begun to count, or a worker has come back that had counted by
  itself. Every worker then keeps to its equal share of the limit, by itself, and to what Redis says if it answers.
  Certainty comes back when all have had the time to return, and what they did without Redis counts no more.

What is guaranteed:

- While Redis answers, HubSpot never sees more than the limit, however many workers there are.
- A worker that loses certainty knows from Redis' last answer when slots free, and begins with its share of those (see
  :mod:`~dealcache.hubspot.shares`). So workers that ask Redis at least every half second, as all do that have callers
  waiting, keep to the limit across its loss, its return, and its restart without data.
- One that had been silent may add its share of what was free when it last asked, once, in the first period.
- What was started or finished without Redis is told to it as soon as it answers again; nothing has to be started and
  finished under the same one.
- What remains is for HubSpot's refusals to settle, after which all pause: an outage that some workers did not notice,
  for the three seconds until the first of those that did comes back; a number of workers that is not yet right; a
  clock of Redis' that jumps ahead.
"""

from __future__ import annotations

import logging
import math

from dealcache.hubspot.budget_script import ANSWERED_WITHIN_SECONDS, Answer, BudgetScript, Message, micro
from dealcache.hubspot.own_calls import OwnCalls
from dealcache.hubspot.shares import later_of, occupied_until, slots_of_one
from dealcache.hubspot.slots import Caller, LocalSlots, Workers
from dealcache.redis_errors import RedisUnavailable

log = logging.getLogger(__name__)

#: For how long what Redis said last is good enough to know how things stand, in seconds.
_FRESH_SECONDS = 0.5

#: How often Redis tells when slots free, in seconds; how many are occupied it tells each time.
_OUTLOOK_SECONDS = 0.2

#: How long who is not let in by a Redis that had lost what it knew waits before asking again, in seconds.
_AGAIN_SECONDS = 0.001


class SharedSlots:
    """See the module; :class:`~dealcache.hubspot.slots.Slots` tells what each method does.

    Args:
        script: counts in Redis.
        name: the bucket, for the log.
        limit: calls per period, until Redis or HubSpot states another.
        period: seconds, a safety margin included.
        workers: how many workers share the limit.
    """

    def __init__(self, script: BudgetScript, name: str, limit: int, period: float, workers: Workers) -> None:
        self._script = script
        self._name = name
        self._limit = limit
        self._period = period
        self._workers = workers
        self._local = LocalSlots(limit, period, workers)
        self._own = OwnCalls(period)
        #: Calls that occupy a slot of ``_local``, which counts only while there is no certainty.
        self._counted: set[Caller] = set()
        self._certain = False
        self._heard_at = self._outlook_at = -math.inf
        self._heard: Answer | None = None
        self._outlook: list[float] = []
        self._epoch: int | None = None
        self._paused_until = -math.inf
        #: Redis does not answer; Redis has not been told everything.
        self._gone = self._behind = False

    def take(self, now: float, caller: Caller) -> float:
        """Let ``caller`` start if Redis, and without certainty also this worker's share, allow it."""
        wait = self._own_wait(now, caller, ahead=0)
        if wait > 0.0:
            return wait
        answer = self._ask(now, caller, ahead=0, start=True)
        if answer is None:
            self._own.doubt(now, caller)
            # Only now is it known that the share counts.
            wait = self._own_wait(now, caller, ahead=0)
        elif not answer.granted:
            wait = max(answer.wait, _AGAIN_SECONDS)
        if wait <= 0.0:
            self._start(now, caller)
        return wait

    def wait(self, now: float, caller: Caller, ahead: int) -> float:
        """How long ``caller`` waits for this worker's share, where that counts, or else for Redis."""
        wait = self._own_wait(now, caller, ahead)
        if wait > 0.0:
            return wait
        answer = self._ask(now, caller, ahead, start=False)
        return self._own_wait(now, caller, ahead) if answer is None else answer.wait

    def finish(self, now: float, caller: Caller) -> None:
        """Note the end of a call, wherever it was started, and tell Redis now or as soon as it answers."""
        self._own.finish(now, caller)
        self._tell(now, {"answered": [(self._own.id_of(caller), 0)]})
        if caller in self._counted:
            self._counted.remove(caller)
            self._local.finish(now, caller)

    def pause(self, now: float, seconds: float) -> None:
        """Let no worker start anything for ``seconds``."""
        self._local.pause(now, seconds)
        self._paused_until = max(self._paused_until, now + seconds)
        self._tell(now, {"pause": micro(seconds)})

    def set_limit(self, now: float, limit: int) -> None:
        """Change the limit for all workers; without a round trip when they know it."""
        if limit != self._limit:
            self._adopt(now, limit)
            self._tell(now, {"new_limit": limit})

    def left(self, now: float) -> int:
        """How many calls may start now, as heard a moment ago: it is asked for after each call."""
        if now - self._heard_at > _FRESH_SECONDS:
            self._tell(now, {})
        own = self._local.left(now)
        if self._gone or self._heard is None:
            return own
        return self._heard.left if self._certain else min(own, self._heard.left)

    def _own_wait(self, now: float, caller: Caller, ahead: int) -> float:
        """How long the share makes ``caller`` wait, which counts only without certainty."""
        if not self._certain and now - self._heard_at > _FRESH_SECONDS:
            # It may be certain by now, or back, or gone.
            self._tell(now, {})
        wait = self._local.wait(now, caller, ahead)
        return 0.0 if self._certain else wait

    def _start(self, now: float, caller: Caller) -> None:
        self._own.start(now, caller)
        if not self._certain:
            self._counted.add(caller)
            self._local.start(now, caller)

    def _ask(self, now: float, caller: Caller, ahead: int, *, start: bool) -> Answer | None:
        name = self._own.id_of(caller)
        return self._tell(now, {"ask": {"id": name, "priority": int(caller.priority), "ahead": ahead, "start": start}})

    def _tell(self, now: float, message: Message) -> Answer | None:
        """Tell Redis something, and all that it has missed; None when it does not answer."""
        try:
            answer = self._script.run(self._complete(now, message), self._epoch, self._limit)
            if self._epoch not in (None, answer.epoch):
                # It has lost what it knew, and with it this worker's calls: so it has let nobody start.
                if not self._gone:
                    self._doubt(now)
                self._epoch, self._behind = answer.epoch, True
                answer = self._script.run(self._complete(now, {}), self._epoch, self._limit)
        except RedisUnavailable as error:
            self._lose(now, error)
            return None
        self._hear(now, answer)
        return answer

    def _complete(self, now: float, message: Message) -> Message:
        """The message with what Redis has missed, and now and then with the question when slots free."""
        if now - self._outlook_at >= _OUTLOOK_SECONDS:
            message["outlook"] = True
        if not self._behind:
            return message
        missed: Message = {**message, **self._own.all(now)}
        if self._paused_until > now:
            missed["pause"] = micro(self._paused_until - now)
        if self._gone:
            missed["rejoins"] = True
        return missed

    def _hear(self, now: float, answer: Answer) -> None:
        if self._gone:
            log.info("the HubSpot budget %s is shared with the other workers again", self._name)
        self._gone = self._behind = False
        self._epoch = answer.epoch
        self._heard_at, self._heard = now, answer
        if answer.outlook:
            self._outlook_at, self._outlook = now, [now + seconds for seconds in answer.frees_in()]
        if answer.limit != self._limit:
            self._adopt(now, answer.limit)
        if answer.uncertain <= 0.0:
            self._certain = True
        elif self._certain:
            self._doubt(now)

    def _lose(self, now: float, reason: Exception) -> None:
        if self._gone:
            return
        log.warning("the HubSpot budget %s is not shared now, this worker keeps to its part: %s", self._name, reason)
        self._doubt(now)
        self._gone = self._behind = True

    def _doubt(self, now: float) -> None:
        """Begin to count this worker's share, from what Redis said last of the slots of all.

        What was counted already stays counted: not all workers lose certainty at the same moment, and those that count
        from what Redis said rely on the others to do so.
        """
        if self._heard is None:
            return
        period = self._period + ANSWERED_WITHIN_SECONDS
        occupied = occupied_until(self._heard_at, self._heard.used, self._outlook, period)
        frees = slots_of_one(now, self._limit, occupied, period, self._workers())
        self._local.restart(frees if self._certain else later_of(frees, self._local.frees(now)))
        self._counted.clear()
        self._certain = False

    def _adopt(self, now: float, limit: int) -> None:
        self._limit = limit
        self._local.set_limit(now, limit)
