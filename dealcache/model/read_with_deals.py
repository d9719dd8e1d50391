"""Digests of all that is read with deals: when one changes, stored deals must be read again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from dealcache.model.labels import Labels

_DIGEST_BYTES = 12


@dataclass(frozen=True, slots=True)
class ReadWithDeals:
    """The properties that one process reads with deals, or that the stored deals were last read with.

    ``configured`` is a digest of what the settings ask for, ``digest`` one of what that comes to with the types that
    HubSpot has; both are empty where the settings ask for nothing. ``since`` is when the process started.
    """

    configured: str
    digest: str
    since: datetime


def read_with_deals(
    names: Iterable[str], features: Iterable[str], labels: Labels, since: datetime, found: Iterable[str] = ()
) -> ReadWithDeals:
    """Return what a process reads with deals.

    Args:
        names: the own properties that are configured.
        features: further settings with which more is read.
        labels: the present ones, with the definitions of the properties.
        since: when the process started.
        found: what the features come to in this account, such as names of properties.
    """
    wanted, others = sorted(names), sorted(features)
    present = [_described(name, labels) for name in wanted if name not in labels.absent_properties]
    return ReadWithDeals(_digest([*wanted, *others]), _digest([*present, *others, *sorted(found)]), since)


def is_outdated(stored: ReadWithDeals | None, present: ReadWithDeals) -> bool:
    """Return True if the stored deals lack what is read with deals now.

    Of processes with different settings, which one restart after the other brings, the one that started last decides:
    otherwise each would read all deals again because of the other.
    """
    if stored is None:
        return bool(present.configured)
    if present.digest == stored.digest:
        return False
    return present.configured == stored.configured or present.since > stored.since


def _described(name: str, labels: Labels) -> str:
    definition = labels.properties.get(name)
    return name if definition is None else f"{name}:{definition.type}:{definition.has_several}"


def _digest(words: Iterable[str]) -> str:
    text = "\n".join(words)
    return blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest() if text else ""
