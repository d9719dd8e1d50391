"""The way of a call through the simulator: fault, token, limits, scopes, endpoint, latency."""

from __future__ import annotations

import time
from collections.abc import Callable

from dealcache.sandbox.simulator.access import check_scopes, requirements
from dealcache.sandbox.simulator.calls import CallLog
from dealcache.sandbox.simulator.errors import ApiError, new_correlation_id, unauthenticated
from dealcache.sandbox.simulator.faults import Faults
from dealcache.sandbox.simulator.messages import Request, Response
from dealcache.sandbox.simulator.object_types import find_object_type
from dealcache.sandbox.simulator.routes import Route, find_route
from dealcache.sandbox.simulator.site import Exchange, Site

#: The sorts of calls whose bodies name the records that are to be read.
_WITH_INPUTS = frozenset({"associations", "batch_read"})


class Application:
    """Answers requests as HubSpot would, and keeps a record of them.

    Args:
        site: the account.
        calls: where calls are recorded.
        faults: what is to go wrong.
        latency: seconds that each answer is held back once it is made, so an answer is as old as it took.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        site: Site,
        calls: CallLog,
        faults: Faults,
        *,
        latency: float = 0.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.site = site
        self.calls = calls
        self.faults = faults
        self.latency = latency
        self._sleep = sleep

    def __call__(self, request: Request) -> Response:
        """Answers one request; takes as long as latency and faults demand."""
        route, params = find_route(request.method, request.path)
        exchange = Exchange(self.site, request, params)
        kind = find_object_type(params.get("type", ""))
        inputs = _count_inputs(exchange) if route.kind in _WITH_INPUTS else 0
        call = self.calls.begin(request.method, request.path, route.kind, kind.name if kind else "", inputs)
        status = 0
        try:
            answer, delay = self._answer(route, exchange)
            if delay > (most := self.site.behaviour.gateway_seconds):
                answer, delay = _gateway_timeout(), most
            if delay > 0:
                self._sleep(delay)
            status = answer.status
            return answer
        finally:
            self.calls.finish(call, status)

    def _answer(self, route: Route, exchange: Exchange) -> tuple[Response, float]:
        """The answer, and how long to hold it back."""
        correlation_id = new_correlation_id()
        request = exchange.request
        fault = self.faults.take(route.kind, request.method, request.path, request.body)
        replacement = fault.replacement(correlation_id) if fault else None
        answer = replacement or self._ordinary_answer(route, exchange, correlation_id)
        answer.headers.setdefault("X-HubSpot-Correlation-Id", correlation_id)
        if fault:
            fault.apply(answer)
        return answer, self.latency + (fault.seconds(_count_asked(exchange)) if fault else 0.0)

    def _ordinary_answer(self, route: Route, exchange: Exchange, correlation_id: str) -> Response:
        headers: dict[str, str] = {}
        try:
            self._check_token(exchange.request)
            if self.site.limiter:
                headers = self.site.limiter.admit(route.bucket)
            kind = exchange.kind if "type" in exchange.params else None
            check_scopes(self.site.scopes, requirements(route.right, kind, dated="date" in exchange.params))
            with self.site.data.lock:
                answer = route.endpoint(exchange)
        except ApiError as error:
            answer = error.response(correlation_id)
        answer.headers = {**headers, **answer.headers}
        return answer

    def _check_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() != self.site.token:
            raise unauthenticated()


def _gateway_timeout() -> Response:
    """Return what HubSpot's gateway answers in place of a server that takes too long."""
    return Response(524, b"error code: 524", content_type="text/plain; charset=UTF-8")


def _count_asked(exchange: Exchange) -> int:
    """Return how many records a call asks for: the inputs of a batch, the size of a page."""
    try:
        limit = str(exchange.request.argument("limit") or exchange.body().get("limit"))
    except ApiError:
        return 0  # the endpoint says so
    return int(limit) if limit.isdecimal() else _count_inputs(exchange)


def _count_inputs(exchange: Exchange) -> int:
    try:
        inputs = exchange.body().get("inputs")
    except ApiError:
        return 0  # the endpoint says so
    return len(inputs) if isinstance(inputs, list) else 0
