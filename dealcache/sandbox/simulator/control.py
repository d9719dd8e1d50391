"""Steering a running simulator over HTTP, for tests in other processes: paths under ``/_simulator/``.

These calls need no token, are not recorded, meet no limit, latency or fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from dealcache.sandbox.simulator.account import UnknownRecord
from dealcache.sandbox.simulator.application import Application
from dealcache.sandbox.simulator.change_list import apply_changes
from dealcache.sandbox.simulator.errors import ApiError, invalid, new_correlation_id, not_found, unknown_path
from dealcache.sandbox.simulator.faults import Fault
from dealcache.sandbox.simulator.ground_truth import (
    activities_of,
    live_deals,
    own_properties_of,
    people_of,
    stages_of,
    whole_truth,
)
from dealcache.sandbox.simulator.label_changes import apply_label_changes
from dealcache.sandbox.simulator.limits import Limits
from dealcache.sandbox.simulator.messages import Request, Response, json_response
from dealcache.sandbox.simulator.poisons import Poison
from dealcache.sandbox.simulator.site import parse_json, parse_object, parse_objects
from dealcache.sandbox.simulator.webhook_control import add_webhook, show_webhooks
from dealcache.sandbox.simulator.webhooks import Webhooks

PREFIX = "/_simulator/"
#: How many of the latest calls are shown in full unless ``limit`` says otherwise.
CALLS_SHOWN = 100

T = TypeVar("T")


class Control:
    """Answers the calls under ``/_simulator/`` and hands all others to the application.

    Args:
        application: what is steered.
        webhooks: what tells of changes.
    """

    def __init__(self, application: Application, webhooks: Webhooks) -> None:
        self._application = application
        self._webhooks = webhooks
        self._actions: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "calls"): self._show_calls,
            ("DELETE", "calls"): self._clear_calls,
            ("GET", "faults"): self._show_faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "poisons"): self._show_poisons,
            ("POST", "poisons"): self._poison,
            ("DELETE", "poisons"): self._cure,
            ("GET", "settings"): self._show_settings,
            ("PATCH", "settings"): self._change_settings,
            ("GET", "deals"): self._show_deals,
            ("GET", "truth"): self._show_truth,
            ("POST", "changes"): self._change,
            ("POST", "labels"): self._change_labels,
            ("POST", "restore"): self._restore,
            ("GET", "webhooks"): partial(show_webhooks, webhooks),
            ("POST", "webhooks"): partial(add_webhook, webhooks),
            ("DELETE", "webhooks"): self._clear_webhooks,
        }

    def __call__(self, request: Request) -> Response:
        """Answers one request."""
        if not request.path.startswith(PREFIX):
            return self._application(request)
        subject, _, detail = request.path.removeprefix(PREFIX).partition("/")
        try:
            if request.method == "GET" and subject == "deals" and detail:
                return self._show_deal(detail)
            action = self._actions.get((request.method, subject))
            if action is None or detail:
                raise unknown_path()
            return action(request)
        except ApiError as error:
            return error.response(new_correlation_id())

    def _show_calls(self, request: Request) -> Response:
        calls = self._application.calls
        shown = int(request.argument("limit") or CALLS_SHOWN)
        body = {
            "total": calls.count(),
            "counts": calls.counts(),
            "max_concurrency": calls.max_concurrency,
            "calls": list(calls)[-shown:] if shown else [],
        }
        return json_response(200, body)

    def _clear_calls(self, _: Request) -> Response:
        self._application.calls.clear()
        return Response(204)

    def _show_faults(self, _: Request) -> Response:
        return json_response(200, {"faults": self._application.faults.describe()})

    def _add_fault(self, request: Request) -> Response:
        try:
            self._application.faults.add(_build(Fault, parse_object(request.body)))
        except ValueError as error:
            raise invalid(str(error)) from error
        return json_response(201, {"faults": self._application.faults.describe()})

    def _clear_faults(self, _: Request) -> Response:
        self._application.faults.clear()
        return Response(204)

    def _show_poisons(self, _: Request) -> Response:
        return json_response(200, {"poisons": self._application.site.poisons.describe()})

    def _poison(self, request: Request) -> Response:
        """Damages the record ``{"type", "id"}``; the other members are what is wrong with it."""
        body = parse_object(request.body)
        object_type, record_id = str(body.pop("type", "")), str(body.pop("id", ""))
        self._application.site.poisons.set(object_type, record_id, _build(Poison, body))
        return json_response(201, {"poisons": self._application.site.poisons.describe()})

    def _cure(self, request: Request) -> Response:
        """Mends the record of the arguments ``type`` and ``id``, all records without them."""
        self._application.site.poisons.clear(request.argument("type"), request.argument("id"))
        return Response(204)

    def _show_settings(self, _: Request) -> Response:
        site = self._application.site
        body = {
            "latency": self._application.latency,
            "limits": site.limiter.limits if site.limiter else None,
            "behaviour": site.behaviour,
        }
        return json_response(200, body)

    def _change_settings(self, request: Request) -> Response:
        """``latency`` (seconds), ``limits`` (true, false, sizes), ``token``, ``scopes``, ``behaviour`` (its fields)."""
        changes = parse_object(request.body)
        site = self._application.site
        for name, value in changes.items():
            if name == "latency":
                self._application.latency = float(value)
            elif name == "token":
                site.token = str(value)
            elif name == "scopes":
                site.scopes = frozenset(value)
            elif name == "limits":
                site.set_limits(Limits() if value is True else _build(Limits, value) if value else None)
            elif name == "behaviour":
                site.behaviour = _build(type(site.behaviour), value)
            else:
                raise invalid(f"unknown setting {name!r}")
        return self._show_settings(request)

    def _show_deals(self, _: Request) -> Response:
        data = self._application.site.data
        with data.lock:
            deals = [
                {
                    "id": str(deal.id),
                    "name": deal.properties.get("dealname"),
                    "activities": len(activities_of(data, deal.id)),
                }
                for deal in live_deals(data)
            ]
        return json_response(200, {"deals": deals})

    def _show_deal(self, deal_id: str) -> Response:
        data = self._application.site.data
        if not deal_id.isdecimal():
            raise not_found(deal_id)
        try:
            with data.lock:
                deal = data.existing("deals", deal_id)
                activities = [one._asdict() for one in activities_of(data, deal_id)]
                people = people_of(data, deal.id)
                stages = stages_of(data, deal_id)
                properties = own_properties_of(data, deal_id)
        except UnknownRecord as error:
            raise not_found(deal_id) from error
        body = {
            "id": str(deal.id),
            "name": deal.properties.get("dealname"),
            "archived": deal.state == "archived",
            "activities": activities,
            "people": people,
            "stages": stages,
            "properties": properties,
        }
        return json_response(200, body)

    def _show_truth(self, _: Request) -> Response:
        return json_response(200, whole_truth(self._application.site.data))

    def _change(self, request: Request) -> Response:
        """Makes a list of changes; see ``apply_changes``."""
        changes = parse_objects(parse_json(request.body), "the body")
        site = self._application.site
        for one in changes:
            if one.get("do") == "merge":
                one.setdefault("keep_primary", site.behaviour.merge_keeps_primary)
        return json_response(200, {"ids": apply_changes(site.data, changes)})

    def _change_labels(self, request: Request) -> Response:
        """Renames, adds, archives; see ``apply_label_changes``."""
        changes = parse_objects(parse_json(request.body), "the body")
        try:
            apply_label_changes(self._application.site.data, changes)
        except (UnknownRecord, ValueError) as error:
            raise invalid(str(error)) from error
        return Response(204)

    def _clear_webhooks(self, _: Request) -> Response:
        self._webhooks.unsubscribe_all()
        return Response(204)

    def _restore(self, request: Request) -> Response:
        """Takes ``{"type", "id"}`` out of the recycle bin, for which HubSpot itself has no call."""
        body = parse_object(request.body)
        try:
            self._application.site.data.restore(str(body.get("type")), str(body.get("id")))
        except (UnknownRecord, ValueError) as error:
            raise not_found(str(body.get("id"))) from error
        return Response(204)


def _build(kind: type[T], fields: Mapping[str, Any]) -> T:
    try:
        return kind(**fields)
    except TypeError as error:
        raise invalid(f"{kind.__name__}: {error}") from error
