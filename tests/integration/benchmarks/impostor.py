"""A small HTTP server that answers as the service would, but for one thing that a test wants wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf
from typing import Any
from urllib.parse import parse_qs, urlsplit

#: Path, method and the answer that would be given: status, headers, body. Gives the answer that is given.
Answer = tuple[int, dict[str, str], Any]
Change = Callable[[str, str, Answer], Answer]

DEALS = ["Acme renewal", "Globex expansion"]
EVENTS = 20


class Impostor:
    """Holds in memory what was read, until it is cleared or has been there for ``ttl`` seconds."""

    def __init__(self, change: Change, ttl: float) -> None:
        self._change = change
        self._ttl = ttl
        self._cached: dict[str, float] = {}

    def answer(self, method: str, path: str, target: str, headers: dict[str, str]) -> Answer:
        return self._change(path, method, self._right(method, path, target, headers))

    def _right(self, method: str, path: str, target: str, headers: dict[str, str]) -> Answer:
        match path:
            case "/healthz":
                return 200, {}, {"status": "ok"}
            case "/readyz":
                return 200, {}, {"status": "ready"}
            case "/api/openapi.json":
                return 200, {}, {"info": {"title": "dealcache", "version": "0.0"}}
            case "/api/hubspot/v2/all-deals":
                return 200, {}, [{"name": name} for name in DEALS]
            case "/api/hubspot/deals-batch":
                return 200, {}, {"deals": {}, "errors": {}}
            case "/api/hubspot/cache-stats":
                return 200, {}, self._stats()
            case "/api/hubspot/clear-endpoint-cache":
                cleared, self._cached = len(self._cached), {}
                return 200, {}, {"entries_cleared": cleared}
        if parse_qs(urlsplit(target).query).get("dealName", [""])[0] not in DEALS:
            return 404, {"Content-Type": "application/problem+json"}, {"detail": "No such deal."}
        now = time.monotonic()
        known = now - self._cached.get(target, -inf) < self._ttl and headers.get("cache-control") != "no-cache"
        if not known:
            self._cached[target] = now
        tier, age = "memory" if known else "mongodb", str(int(now - self._cached[target]))
        as_of = datetime.now(UTC).isoformat(timespec="seconds")
        events = {"events": [{}] * EVENTS} if path.endswith("deal-timeline") else {}
        timing = f"{tier};dur=0.1"
        return 200, {"X-Cache-Tier": tier, "Server-Timing": timing, "X-Data-As-Of": as_of, "Age": age}, events

    def _stats(self) -> dict[str, Any]:
        figures = {"total_entries": len(self._cached), "size_bytes": 1, "hit_ratio": 0.5}
        return figures | {"cache_ttl_seconds": self._ttl, "max_bytes": 1_000}


@contextmanager
def impostor(change: Change = lambda _path, _method, answer: answer, ttl: float = 600.0) -> Iterator[str]:
    """The base URL of such a server."""
    service = Impostor(change, ttl)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path
            headers = {name.lower(): text for name, text in self.headers.items()}
            status, more, value = service.answer(self.command, path, self.path, headers)
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | more).items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - names of the base class

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
