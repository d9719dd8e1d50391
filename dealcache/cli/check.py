"""``check``: tells in one line each whether everything that the service depends on is as it should be."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import click

from dealcache.checks import hubspot as hubspot_checks
from dealcache.checks import mongodb as mongodb_checks
from dealcache.checks.facts import Facts, gather
from dealcache.checks.findings import Finding, Level, failed, ok
from dealcache.checks.hubspot import judge_hubspot, judge_people, judge_properties
from dealcache.checks.mongodb import judge_mongodb
from dealcache.checks.overview import judge_data_age, judge_webhooks
from dealcache.checks.redis import judge_redis, write_to
from dealcache.checks.token_probe import TokenProbe
from dealcache.cli.support import EXIT_FAILED, connect_mongodb, connect_redis
from dealcache.hubspot.errors import HubSpotError
from dealcache.model.deadline import Deadline
from dealcache.model.workers import RedisUnavailable
from dealcache.repositories import StoreError
from dealcache.settings import Settings, SettingsError, load_settings

#: Seconds for all checks together, and for all calls to HubSpot. The process needs some more to start and to end, up to
#: five on a busy machine.
CHECK_SECONDS, _HUBSPOT_SECONDS = 9.0, 8.0

#: Seconds for the end of all connections.
_CLOSE_SECONDS = 1.0

_EXPECTED = (StoreError, HubSpotError, RedisUnavailable, SettingsError)


@click.command("check", short_help="Check everything that the service depends on.")
def check_command() -> None:
    """Check the settings, MongoDB, HubSpot, Redis, webhooks and the age of the data, within 15 seconds.

    Each line begins with ok, warning or failed, and says what to do. HubSpot is called thirteen times, and
    once more with HUBSPOT_DEAL_PROPERTIES. No secret is
    shown.

    Exit codes: 0 nothing failed, 1 something did.
    """
    # Nothing is logged beside the findings, which say the same.
    logging.getLogger("dealcache").addHandler(logging.NullHandler())
    try:
        findings = [ok("settings", "all values are valid"), *check_service(load_settings(os.environ))]
    except SettingsError as error:
        findings = [failed("settings", str(error))]
    for finding in findings:
        click.echo(finding.line())
    if any(finding.level is Level.FAILED for finding in findings):
        raise SystemExit(EXIT_FAILED)


def check_service(settings: Settings, seconds: float = CHECK_SECONDS) -> list[Finding]:
    """Return the findings about all that a service with these settings depends on.

    Questions that are not answered in time are left to themselves: the look-up of a host's name cannot be ended.

    Args:
        settings: the environment's settings.
        seconds: how long everything may take together.

    Raises:
        SettingsError: MongoDB's driver refuses the URI.
    """
    deadline = Deadline(seconds)
    mongodb = connect_mongodb(settings)
    hubspot = TokenProbe(settings.hubspot_base_url, settings.hubspot_access_token, settings.hubspot_api_version)
    questions: Mapping[str, Callable[[], object]] = {
        **mongodb_checks.questions_of(mongodb),
        **hubspot_checks.questions_of(
            hubspot,
            Deadline(min(_HUBSPOT_SECONDS, seconds)),
            settings.hubspot_deal_properties,
            people=settings.associated_names == "on",
        ),
        "redis": lambda: write_to(connect_redis(settings)),
    }
    facts = gather(questions, deadline, _EXPECTED)
    findings = _judge(settings, facts, hubspot)
    # MongoDB's driver says goodbye to the server, which may hang.
    gather({"mongodb": mongodb.close, "hubspot": hubspot.close}, Deadline(_CLOSE_SECONDS), _EXPECTED)
    return findings


def _judge(settings: Settings, facts: Facts, probe: TokenProbe) -> list[Finding]:
    database, overview = settings.mongodb_database, facts["overview"]
    return [
        *judge_mongodb(facts, database),
        *judge_hubspot(facts, database, probe.limit, probe.noted_usage),
        *(judge_people(facts) if settings.associated_names == "on" else ()),
        *judge_properties(settings.hubspot_deal_properties, facts.get("properties")),
        judge_redis(facts["redis"]),
        *judge_webhooks(settings, overview),
        *judge_data_age(settings, overview, datetime.now(UTC)),
    ]
