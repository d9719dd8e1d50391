"""A small account, a clock that the tests tick by hand, and a way to ask the simulator without sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from dealcache.sandbox.simulator import ALL_SCOPES, Dataset, Limits
from dealcache.sandbox.simulator.application import Application
from dealcache.sandbox.simulator.calls import CallLog
from dealcache.sandbox.simulator.control import Control
from dealcache.sandbox.simulator.demo_account import demo_owners, demo_pipelines
from dealcache.sandbox.simulator.faults import Faults
from dealcache.sandbox.simulator.messages import Request, Response
from dealcache.sandbox.simulator.site import Site
from dealcache.sandbox.simulator.webhooks import Webhooks


@dataclass
class Clock:
    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Post:
    url: str
    body: bytes
    headers: dict[str, str]

    @property
    def events(self) -> list[dict[str, Any]]:
        return orjson.loads(self.body)


@dataclass
class Hub:
    """The simulator without its server: ``ask`` gives an answer, ``json`` its content."""

    data: Dataset
    clock: Clock
    slept: list[float] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data.clock = self.clock
        self.site = Site(self.data, self.clock, "secret", ALL_SCOPES)
        self.app = Application(self.site, CallLog(), Faults(), sleep=self.slept.append)
        self.webhooks = Webhooks(self.posted, self.clock)
        self.data.listeners.append(self.webhooks.notice)
        self.control = Control(self.app, self.webhooks)

    def posted(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Answers a webhook's delivery with the next of ``statuses`` (0: not at all), 204 when there are none left."""
        self.posts.append(Post(url, body, dict(headers)))
        status = self.statuses.pop(0) if self.statuses else 204
        if not status:
            raise ConnectionResetError
        return status

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
