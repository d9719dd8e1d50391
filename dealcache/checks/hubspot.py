"""HubSpot: does it accept the token, whose is it, and what may it do?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from dealcache.checks.facts import Facts
from dealcache.checks.findings import Finding, failed, ok, warning
from dealcache.checks.token_probe import READABLE, DailyUsage, TokenProbe
from dealcache.hubspot.daily_calls import RESERVED_SHARE
from dealcache.hubspot.errors import Forbidden, RateLimited, Unauthorised, WrongAccount
from dealcache.hubspot.label_lists import SCHEMA_SCOPE
from dealcache.hubspot.limits.buckets import Bucket
from dealcache.model.deadline import Deadline
from dealcache.model.people import PEOPLE_TYPES

SUBJECT = "HubSpot"

_EMAIL_SCOPE = "sales-email-read"

#: The records that are read with each scope that the service needs. Source: the security sections of HubSpot's OpenAPI
#: files, and for e-mails its engagements guide: without a scope of their own, their content is withheld.
SCOPES: Mapping[str, tuple[str, ...]] = {
    "crm.objects.deals.read": ("deals", "pipelines"),
    "crm.objects.contacts.read": ("calls", "meetings", "notes", "tasks", "communications", "postal_mail"),
    _EMAIL_SCOPE: ("emails",),
    "crm.objects.owners.read": ("owners",),
}

#: The same of what is read for the names of people; the first scope is needed in any case.
PEOPLE_SCOPES: Mapping[str, tuple[str, ...]] = {
    "crm.objects.contacts.read": ("contacts",),
    "crm.objects.companies.read": ("companies",),
}


def questions_of(
    probe: TokenProbe, deadline: Deadline, own_properties: Collection[str] = (), *, people: bool = False
) -> Mapping[str, Callable[[], object]]:
    """Return what is asked of HubSpot, by name. Each question raises HubSpotError if it fails.

    Args:
        probe: asks.
        deadline: bounds each question.
        own_properties: the properties of deals that are configured; without any, none are asked for.
        people: True if names of people are wanted.
    """
    readable = (*READABLE, *(PEOPLE_TYPES.values() if people else ()))
    properties = {"properties": partial(probe.property_names, deadline)} if own_properties else {}
    return {
        **properties,
        "account": partial(probe.portal_id, deadline),
        "scopes": partial(probe.scopes, deadline),
        "usage": partial(probe.daily_usage, deadline),
        **{what: partial(probe.read_one, what, deadline) for what in readable},
    }


def judge_hubspot(
    facts: Facts, database: str, limit: Callable[[Bucket], int], noted_usage: DailyUsage | None
) -> list[Finding]:
    """Return the findings about HubSpot; those that follow from its not answering are left out.

    Args:
        facts: the answers to the questions of :func:`questions_of`, and the account whose data are stored.
        database: the name of the database, for messages.
        limit: returns how many calls of a bucket HubSpot allows per period.
        noted_usage: the day's calls by the headers of HubSpot's answers.
    """
    account = facts["account"]
    # Some tokens may read records, but not the account's details.
    if not isinstance(account, str) and not any(isinstance(facts[what], bool) for what in READABLE):
        return [_unusable(account)]
    return [
        ok(f"{SUBJECT} token", "HubSpot accepts it"),
        _judge_account(account, facts["bound account"], database),
        *(_judge_scope(scope, facts, read) for scope, read in SCOPES.items()),
        ok(f"{SUBJECT} limits", _limits(limit)),
        _judge_usage(noted_usage or facts["usage"]),
    ]


def judge_people(facts: Facts) -> list[Finding]:
    """Return the findings about the rights that names of people need, by the answers to the same questions."""
    if not any(isinstance(facts[what], bool | Forbidden) for what in PEOPLE_TYPES.values()):
        return []  # HubSpot does not answer, which is a finding already
    otherwise = ", or set ASSOCIATED_NAMES=off"
    return [_judge_scope(scope, facts, read, otherwise) for scope, read in PEOPLE_SCOPES.items()]


def _unusable(error: object) -> Finding:
    subject = f"{SUBJECT} token"
    if isinstance(error, Unauthorised):
        return failed(subject, str(error), "set HUBSPOT_ACCESS_TOKEN to the present token of the private app")
    if isinstance(error, RateLimited):
        remedy = "wait until midnight in the account's time zone" if error.daily else "try again in a minute"
        return failed(SUBJECT, str(error), f"{remedy}, and see which other apps use up the account's calls")
    remedy = "see whether HUBSPOT_BASE_URL is right and can be reached from here, also by proxy"
    return failed(SUBJECT, str(error), remedy)


def _judge_account(account: object, bound: object, database: str) -> Finding:
    subject = f"{SUBJECT} account"
    if not isinstance(account, str) or not account.isdecimal():
        text = "HubSpot does not name it" if account is None else str(account)
        return warning(subject, text, "the service cannot tell whether the stored data are of the same account")
    if bound is None:
        return ok(subject, f"{account}; no data of any account are stored yet")
    if not isinstance(bound, int):
        return ok(subject, f"{account}; it is not known whose data MongoDB holds")
    if bound == int(account):
        return ok(subject, f"{account}, whose data the database {database!r} holds")
    return failed(subject, str(WrongAccount(int(account), bound, database)))


def judge_properties(names: Collection[str], present: object) -> list[Finding]:
    """Return the finding about the configured properties; none without any.

    Args:
        names: those of HUBSPOT_DEAL_PROPERTIES.
        present: the names that HubSpot has, or the error when it was asked.
    """
    if not names:
        return []
    subject = f"{SUBJECT} properties of deals"
    if isinstance(present, Forbidden):
        remedy = f"add {SCHEMA_SCOPE} to the scopes of the private app; until then values are shown as texts"
        return [warning(subject, "HubSpot refuses to list them", remedy)]
    if not isinstance(present, frozenset):
        return [warning(subject, f"listing them failed: {present}", "run this check again later")]
    if absent := [name for name in names if name not in present]:
        remedy = "correct HUBSPOT_DEAL_PROPERTIES, which takes the internal names of properties; these are left out"
        return [warning(subject, f"HubSpot does not have, or has archived: {', '.join(absent)}", remedy)]
    return [ok(subject, f"HubSpot has all of {', '.join(names)}")]


def _judge_scope(scope: str, facts: Facts, read: tuple[str, ...], otherwise: str = "") -> Finding:
    """Judge by what could be read: HubSpot accepts other scopes too for some records."""
    subject = f"{SUBJECT} scope {scope}"
    remedy = f"add {scope} to the scopes of the private app{otherwise}"
    answers = {what: facts[what] for what in read}
    if refused := [what for what, answer in answers.items() if isinstance(answer, Forbidden)]:
        return failed(subject, f"HubSpot refuses to list {_listed(refused)}", remedy)
    if lost := [(what, answer) for what, answer in answers.items() if not isinstance(answer, bool)]:
        what, answer = lost[0]
        if isinstance(answer, RateLimited):
            return warning(subject, "not checked, because HubSpot's limits are reached", "run this check again later")
        return failed(subject, f"listing {_listed([what])} failed: {answer}", "run this check again")
    granted = facts["scopes"]
    unnamed = scope == _EMAIL_SCOPE and isinstance(granted, frozenset) and scope not in granted
    if unnamed or not all(answers.values()):
        return failed(subject, "HubSpot lists e-mails, but withholds what they say", remedy)
    return ok(subject, f"{_listed(read)} can be read")


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def _limits(limit: Callable[[Bucket], int]) -> str:
    in_ten_seconds = f"{limit(Bucket.APP)} calls and {limit(Bucket.ASSOCIATIONS)} reads of associations in ten seconds"
    return f"{in_ten_seconds}, {limit(Bucket.SEARCH)} searches a second"


def _judge_usage(usage: object) -> Finding:
    subject = f"{SUBJECT} calls today"
    if not isinstance(usage, DailyUsage):
        return warning(subject, "HubSpot does not tell how many are left")
    text = f"{usage.left:,} of {usage.limit:,} are left"
    remedy = "see which apps of the account use them up, and SYNC_INTERVAL_SECONDS; they start anew at midnight"
    if not usage.left:
        return failed(subject, f"{text}, so that nothing can be read", remedy)
    if usage.left < RESERVED_SHARE * usage.limit:
        return warning(subject, f"{text}, so that scheduled syncs wait", remedy)
    return ok(subject, text)
