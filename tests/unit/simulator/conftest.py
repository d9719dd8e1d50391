"""A small account, a clock that the tests tick by hand, and a way to ask the simulator without sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from dealcache.simulator import ALL_SCOPES, Dataset, Limits
from dealcache.simulator.application import Application
from dealcache.simulator.calls import CallLog
from dealcache.simulator.control import Control
from dealcache.simulator.demo_account import demo_owners, demo_pipelines
from dealcache.simulator.faults import Faults
from dealcache.simulator.messages import Request, Response
from dealcache.simulator.site import Site


@dataclass
class Clock:
    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Hub:
    """The simulator without its server: ``ask`` gives an answer, ``json`` its content."""

    data: Dataset
    clock: Clock
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data.clock = self.clock
        self.site = Site(self.data, self.clock, "secret", ALL_SCOPES)
        self.app = Application(self.site, CallLog(), Faults(), sleep=self.slept.append)
        self.control = Control(self.app)

    def limit(self, limits: Limits) -> None:
        self.site.set_limits(limits)

    def ask(self, method: str, target: str, body: Any = None, *, token: str = "secret") -> Response:
        path, _, query = target.partition("?")
        content = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self.control(Request(method, path, parse_qs(query), headers, content, "http://hub.test"))

    def json(self, method: str, target: str, body: Any = None, *, status: int = 200) -> Any:
        answer = self.ask(method, target, body)
        assert answer.status == status, answer.body
        return orjson.loads(answer.body)

    def search(self, object_type: str, *filters: dict[str, Any], **rest: Any) -> Any:
        body = {"filterGroups": [{"filters": list(filters)}] if filters else [], **rest}
        return self.json("POST", f"/crm/v3/objects/{object_type}/search", body)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(clock: Clock) -> Hub:
    data = Dataset()
    data.owners = demo_owners()
    data.pipelines = demo_pipelines()
    return Hub(data, clock)
