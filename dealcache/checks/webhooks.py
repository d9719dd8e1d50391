"""Webhooks: are they configured so that HubSpot's deliveries are accepted, and are they worked off?"""

from __future__ import annotations

from urllib.parse import urlsplit

from dealcache.checks.findings import Finding, ok, warning
from dealcache.repositories import Overview
from dealcache.setting_values import is_loopback_host
from dealcache.settings import Settings

SUBJECT = "webhooks"


def judge_webhooks(settings: Settings, overview: object) -> list[Finding]:
    """Return the findings about webhooks.

    Args:
        settings: the environment's settings.
        overview: the :class:`.Overview` of the database, anything else if it could not be read.
    """
    if settings.hubspot_client_secret is None:
        return [ok(SUBJECT, "not configured, so that deliveries of HubSpot are refused (HUBSPOT_CLIENT_SECRET)")]
    findings = [ok(f"{SUBJECT} secret", "HUBSPOT_CLIENT_SECRET is set"), _judge_url(settings.public_url)]
    return [*findings, _judge_backlog(overview)] if isinstance(overview, Overview) else findings


def _judge_url(public_url: str | None) -> Finding:
    subject = f"{SUBJECT} public URL"
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
    subject, backlog = f"{SUBJECT} events", overview.backlog
    if backlog.set_aside:
        text = f"{backlog.set_aside:,} are set aside, because their records could not be read for a day"
        return warning(subject, text, "the service's log names them; a full sync reads what they are about")
    return ok(subject, f"{overview.received:,} received in the last hour, {backlog.pending:,} pending")
