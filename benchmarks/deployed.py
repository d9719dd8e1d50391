"""A service that others run: where it is, with which tokens it is asked, and one line for whatever is in the way."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from benchmarks.client import NO_ANSWER, Client, Reply

DEFAULT_HOST = "http://127.0.0.1:8000"
#: Seconds after which an answer counts as missing; longer than a read of HubSpot may take.
PATIENCE = 20.0
#: The same for the first request of all, which asks nothing.
_FIRST_PATIENCE = 5.0


class CannotMeasureError(Exception):
    """Something is in the way of measuring; the message is one line for whoever asked."""


@dataclass(frozen=True, slots=True)
class Place:
    """The address of the service, and the bearer tokens that were given, "" for none."""

    base_url: str
    token: str = ""
    admin_token: str = ""

    def headers(self, *, admin: bool = False) -> dict[str, str]:
        """Return what proves who asks; for an admin's request the admin token, if there is one."""
        token = (admin and self.admin_token) or self.token or self.admin_token
        return {"Authorization": f"Bearer {token}"} if token else {}


def place_of(environ: Mapping[str, str]) -> Place:
    """The place that ``HOST``, ``TOKEN`` and ``ADMIN_TOKEN`` name.

    Raises:
        CannotMeasureError: ``HOST`` is no URL, or a token cannot be one.
    """
    host = environ.get("HOST", "").strip() or DEFAULT_HOST
    try:
        address = urlsplit(host)
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:  # a port that is none
        usable = False
    if not usable or address.query or address.fragment or address.username:
        raise CannotMeasureError(f"HOST must be a URL such as {DEFAULT_HOST}, and is {host!r}")
    return Place(host.rstrip("/"), _token_of(environ, "TOKEN"), _token_of(environ, "ADMIN_TOKEN"))


def _token_of(environ: Mapping[str, str], name: str) -> str:
    token = environ.get(name, "").strip()
    if not all("!" <= character <= "~" for character in token):
        # Not shown: it may be a secret but for one character.
        raise CannotMeasureError(f"{name} holds characters that no token has: printable ASCII without spaces is taken")
    return token


def knock(place: Place) -> None:
    """Make sure that somebody answers there, without waiting long.

    Raises:
        CannotMeasureError: nobody does, or not as a service that lives.
    """
    with Deployed(place, _FIRST_PATIENCE) as service:
        service.expect("/healthz")


class Deployed:
    """Asks that service over one keep-alive connection, and says in one line what is wrong with an answer.

    Args:
        place: where it is.
        patience: seconds after which an answer counts as missing.
    """

    def __init__(self, place: Place, patience: float = PATIENCE) -> None:
        self._place = place
        self._patience = patience
        self._client = Client(place.base_url, patience)

    def ask(self, target: str, method: str = "GET", *, admin: bool = False, **headers: str) -> Reply:
        """Make one request; whatever is answered comes back.

        Raises:
            CannotMeasureError: nothing was answered.
        """
        try:
            return self._client.ask(target, method, None, **self._place.headers(admin=admin), **headers)
        except NO_ANSWER as error:
            reason = why_no_answer(error, self._patience)
            raise CannotMeasureError(f"{self._place.base_url} {reason} (asked for {target})") from error

    def expect(self, target: str, method: str = "GET", *, admin: bool = False, **headers: str) -> Reply:
        """Make one request that has to be answered with 200.

        Raises:
            CannotMeasureError: it was not.
        """
        reply = self.ask(target, method, admin=admin, **headers)
        if reply.status != 200:
            raise CannotMeasureError(why_refused(reply, f"{method} {self._place.base_url}{target}", admin=admin))
        return reply

    def read_json(self, target: str) -> Any:
        """The JSON value that is answered.

        Raises:
            CannotMeasureError: there is none.
        """
        return value_of(self.expect(target), target)

    def __enter__(self) -> Deployed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, trace)


def value_of(reply: Reply, target: str) -> Any:
    """The JSON value that came from ``target``.

    Raises:
        CannotMeasureError: something else came.
    """
    try:
        return json.loads(reply.body)
    except ValueError:
        kind = reply.headers.get("content-type", "something without a type")
        raise CannotMeasureError(f"{target} answers {kind} that is no JSON: no dealcache is there") from None


def why_no_answer(error: Exception, patience: float) -> str:
    """Return what happened instead of an answer, to go on after the host's name."""
    match error:
        case socket.gaierror():
            return "is a host that nobody knows: the name cannot be resolved"
        case ssl.SSLError():
            return f"cannot be trusted or speaks no TLS: {error}"
        case TimeoutError():
            return f"does not answer: nothing came within {patience:g} s"
        case ConnectionRefusedError():
            return "refuses the connection: nothing listens there"
        case _:
            return f"broke the connection: {type(error).__name__}: {error}".removesuffix(": ")


def why_refused(reply: Reply, request: str, *, admin: bool) -> str:
    """One line about an answer to ``request`` that was not to be expected."""
    variable = "ADMIN_TOKEN=…, or TOKEN=… if it has none for admins" if admin else "TOKEN=…"
    match reply.status:
        case 401:
            return f"{request} asks for a token: give the right one as {variable} (401)"
        case 403:
            return f"{request} is not allowed with this token: give ADMIN_TOKEN=… (403)"
        case _:
            return f"{request} was answered with {reply.status}: {_detail(reply)}"


def _detail(reply: Reply) -> str:
    """Return what a problem says of itself; of anything else the beginning."""
    try:
        return str(json.loads(reply.body)["detail"])
    except (ValueError, KeyError, TypeError):
        return repr(reply.body[:80])
