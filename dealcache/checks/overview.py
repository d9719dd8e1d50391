"""What the state of the database tells: how old are the data, did the last sync succeed, are webhooks worked off?"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from dealcache.checks.findings import Finding, failed, ok, warning
from dealcache.cluster.status import as_of
from dealcache.model.freshness import as_of_text
from dealcache.repositories import Overview
from dealcache.setting_values import is_loopback_host
from dealcache.settings import Settings


def judge_data_age(settings: Settings, overview: object, now: datetime) -> list[Finding]:
    """Return the findings about the stored data and the syncs that keep it up to date.

    Args:
        settings: the environment's settings.
        overview: the :class:`.Overview` of the database, anything else if it could not be read.
        now: the present, aware.
    """
    if not isinstance(overview, Overview):
        return [failed("data age", "unknown, because MongoDB did not answer")]
    return [_judge_age(settings, as_of(overview, now), now), *_judge_syncs(overview)]


def _judge_age(settings: Settings, moment: datetime | None, now: datetime) -> Finding:
    subject = "data age"
    if moment is None:
        return warning(subject, "nothing is stored yet", "run `dealcache sync`, or set SYNC_INTERVAL_SECONDS")
    age = max(0.0, (now - moment).total_seconds())
    text = f"{_span(age)}; changes up to {as_of_text(moment)} are known"
    most = settings.max_data_age_seconds
    if not most or age <= most:
        return ok(subject, text)
    text = f"{text}, which is older than MAX_DATA_AGE_SECONDS ({most:.10g} s)"
    if settings.sync_interval_seconds:
        return failed(subject, text, "see whether the service runs, and why its last syncs failed: `dealcache jobs`")
    return warning(subject, text, "set SYNC_INTERVAL_SECONDS, or run `dealcache sync`")


def _judge_syncs(overview: Overview) -> list[Finding]:
    """Return a warning if the last sync that ended has failed."""
    subject, jobs = "data syncs", overview.jobs
    last, lost = jobs.last_completed, jobs.last_failed
    if lost is None or lost.finished_at is None:
        return []
    if last is not None and last.finished_at is not None and last.finished_at >= lost.finished_at:
        return []
    text = f"the last one failed at {as_of_text(lost.finished_at)}: {lost.error or lost.message}"
    return [warning(subject, text, "`dealcache jobs` lists the latest ones")]


def _span(seconds: float) -> str:
    """Return a time span in words, in its largest fitting unit."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:g} {unit}"
    return f"{seconds:.0f} seconds"


def judge_webhooks(settings: Settings, overview: object) -> list[Finding]:
    """Return the findings about webhooks; see :func:`judge_data_age` for the arguments."""
    if settings.hubspot_client_secret is None:
        return [ok("webhooks", "not configured, so that deliveries of HubSpot are refused (HUBSPOT_CLIENT_SECRET)")]
    findings = [ok("webhooks secret", "HUBSPOT_CLIENT_SECRET is set"), _judge_url(settings.public_url)]
    return [*findings, _judge_backlog(overview)] if isinstance(overview, Overview) else findings


def _judge_url(public_url: str | None) -> Finding:
    subject = "webhooks public URL"
    remedy = "set it to the https URL under which HubSpot calls this service"
    if public_url is None:
        return warning(subject, "PUBLIC_URL is not set, so that signatures count for the URL of the request", remedy)
    parts = urlsplit(public_url)
    if is_loopback_host(parts.hostname or ""):
        return warning(subject, f"PUBLIC_URL is {public_url}, which HubSpot cannot reach", remedy)
    if parts.scheme != "https":
        return warning(subject, f"PUBLIC_URL is {public_url}, but HubSpot only calls https URLs", remedy)
    return ok(subject, f"HubSpot delivers to {public_url}/api/hubspot/webhooks")


def _judge_backlog(overview: Overview) -> Finding:
    subject, backlog = "webhooks events", overview.backlog
    if backlog.set_aside:
        text = f"{backlog.set_aside:,} are set aside, because their records could not be read for a day"
        return warning(subject, text, "the service's log names them; a full sync reads what they are about")
    return ok(subject, f"{overview.received:,} received in the last hour, {backlog.pending:,} pending")
