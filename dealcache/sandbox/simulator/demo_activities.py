"""Makes the properties of demo activities: believable, in several scripts, with HTML, empty and missing values."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from sys import intern

from dealcache.sandbox.simulator.demo_account import ARCHIVED_OWNER_ID, OWNER_IDS
from dealcache.sandbox.simulator.demo_words import PEOPLE, SENTENCES, TITLES
from dealcache.sandbox.simulator.timestamps import to_iso

Values = dict[str, str | None]

_DISPOSITIONS = (
    "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    "73a0d17f-1163-4015-bdd5-ec830791da20",
    "b2cf5968-551e-4856-9783-52b3da59a7d0",
    None,
)


def demo_properties(random: Random, object_type: str, happens_at: int) -> Values:
    """The properties of one activity.

    Args:
        random: decides everything but the time.
        object_type: name of the activity's type.
        happens_at: its place on the timeline, milliseconds since 1970.
    """
    values: Values = {
        "hs_timestamp": to_iso(happens_at),
        "hubspot_owner_id": random.choice((*OWNER_IDS, *OWNER_IDS, ARCHIVED_OWNER_ID, None)),
    }
    return values | _MAKERS[object_type](random, happens_at)


def _text(random: Random) -> str:
    return intern(" ".join(random.sample(SENTENCES, random.randint(1, 3))))


def _html(random: Random) -> str:
    """A body as HubSpot's editor stores it, now and then with markup that must never reach a page as it is."""
    sentences = random.sample(SENTENCES, random.randint(1, 3))
    # The editor escapes what a person typed; here only what would be taken for a tag.
    body = "".join(f"<p>{one.replace('&', '&amp;').replace('<', '&lt;')}</p>" for one in sentences)
    if random.random() < 0.05:
        body += '<script>alert("demo")</script><img src="x" onerror="alert(1)">'
    if random.random() < 0.2:
        body += '<ul><li>first&nbsp;point</li><li><a href="https://example.com/?a=1&amp;b=2">link</a></li></ul>'
    # There are some thousands of different ones: a million activities share them.
    return intern(f'<div style="" dir="auto" data-top-level="true">{body}</div>')


def _title(random: Random) -> str | None:
    return None if random.random() < 0.05 else "" if random.random() < 0.05 else random.choice(TITLES)


def _call(random: Random, _: int) -> Values:
    return {
        "hs_call_title": _title(random),
        "hs_call_body": _html(random) if random.random() < 0.8 else None,
        "hs_call_direction": random.choice(("INBOUND", "OUTBOUND")),
        "hs_call_disposition": random.choice(_DISPOSITIONS),
        "hs_call_duration": str(random.randint(5, 3600) * 1000),
        "hs_call_status": random.choice(("COMPLETED", "COMPLETED", "NO_ANSWER", "BUSY")),
        "hs_call_from_number": f"+1555{random.randint(1_000_000, 9_999_999)}",
    }


def _email(random: Random, _: int) -> Values:
    text = _text(random)
    first, last = random.choice(PEOPLE)
    return {
        "hs_email_subject": _title(random),
        "hs_email_text": text,
        "hs_email_html": _html(random) if random.random() < 0.7 else None,
        "hs_email_direction": random.choice(("EMAIL", "EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL")),
        "hs_email_status": random.choice(("SENT", "SENT", "SENT", "BOUNCED")),
        "hs_email_from_email": "sender@example.com",
        "hs_email_from_firstname": first,
        "hs_email_from_lastname": last,
        "hs_email_to_email": "recipient@example.org",
    }


def _meeting(random: Random, happens_at: int) -> Values:
    return {
        "hs_meeting_title": _title(random),
        "hs_meeting_body": _html(random),
        "hs_internal_meeting_notes": _text(random) if random.random() < 0.3 else None,
        "hs_meeting_location": random.choice(("Room 4", "https://meet.example.com/abc", None)),
        "hs_meeting_start_time": to_iso(happens_at),
        "hs_meeting_end_time": to_iso(happens_at + random.choice((1_800_000, 3_600_000))),
        "hs_meeting_outcome": random.choice(("SCHEDULED", "COMPLETED", "NO_SHOW", None)),
    }


def _note(random: Random, _: int) -> Values:
    return {"hs_note_body": _html(random) if random.random() < 0.95 else ""}


def _task(random: Random, happens_at: int) -> Values:
    return {
        "hs_task_subject": _title(random),
        "hs_task_body": _html(random) if random.random() < 0.5 else None,
        "hs_task_status": random.choice(("COMPLETED", "NOT_STARTED", "WAITING")),
        "hs_task_priority": random.choice(("LOW", "MEDIUM", "HIGH", None)),
        "hs_task_type": random.choice(("EMAIL", "CALL", "TODO")),
        "hs_task_reminders": str(happens_at - 3_600_000) if random.random() < 0.2 else None,
    }


def _communication(random: Random, _: int) -> Values:
    return {
        "hs_communication_body": _text(random),
        "hs_communication_channel_type": random.choice(("SMS", "WHATS_APP", "LINKEDIN_MESSAGE")),
        "hs_communication_logged_from": "CRM",
    }


def _postal_mail(random: Random, _: int) -> Values:
    return {"hs_postal_mail_body": _text(random)}


_MAKERS: dict[str, Callable[[Random, int], Values]] = {
    "calls": _call,
    "emails": _email,
    "meetings": _meeting,
    "notes": _note,
    "tasks": _task,
    "communications": _communication,
    "postal_mail": _postal_mail,
}
