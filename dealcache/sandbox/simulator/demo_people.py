"""Gives the deals of a demo account their companies and contacts, and the activities those who took part."""

from __future__ import annotations

import re
import unicodedata
from random import Random

from dealcache.sandbox.simulator.account import end_of
from dealcache.sandbox.simulator.associations import End
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.demo_builder import DAY
from dealcache.sandbox.simulator.demo_words import COMPANIES as COMPANY_NAMES
from dealcache.sandbox.simulator.demo_words import FIRST_NAMES, LAST_NAMES
from dealcache.sandbox.simulator.ground_truth import activities_of, live_deals
from dealcache.sandbox.simulator.object_types import COMPANIES, CONTACTS
from dealcache.sandbox.simulator.records import Record

FIRST_COMPANY_ID = 20_400_001
FIRST_CONTACT_ID = 51_000_001

#: The share of a deal's contacts that no earlier deal of its company has.
_NEW = 0.3
#: The share of contacts that have an e-mail address and no name, and of those that have neither.
_NAMELESS, _BLANK = 0.05, 0.01
_MOST_OF_A_DEAL = 5


def add_people(data: Dataset, seed: int, seen_from: int) -> None:
    """Adds companies and contacts to all deals and their activities.

    Args:
        data: the account; its deals and activities stay as they are.
        seed: decides everything but times.
        seen_from: the moment that the data is seen from, in milliseconds since 1970.
    """
    _DemoPeople(data, seed, seen_from).add_all()


class _DemoPeople:
    def __init__(self, data: Dataset, seed: int, seen_from: int) -> None:
        self._data = data
        self._seen_from = seen_from
        self._random = Random(seed)
        self._companies: dict[str, End] = {}
        self._contacts: dict[str, list[End]] = {}
        self._next_contact = FIRST_CONTACT_ID

    def add_all(self) -> None:
        for deal in live_deals(self._data):
            company = _company_of(deal)
            contacts = [self._contact(company) for _ in range(self._random.randint(1, _MOST_OF_A_DEAL))]
            people = list(dict.fromkeys(contacts))
            if company:
                people.append(self._company(company))
            for one in people:
                self._data.graph.link(end_of(deal), one)
            for activity in activities_of(self._data, deal.id):
                for one in self._random.sample(people, self._random.randint(0, min(3, len(people)))):
                    self._data.graph.link(End(activity.type, int(activity.id)), one)

    def _company(self, name: str) -> End:
        if name not in self._companies:
            number = FIRST_COMPANY_ID + len(self._companies) * 7
            record = self._create(COMPANIES.name, {"name": name, "domain": _domain(name)}, number)
            self._companies[name] = end_of(record)
        return self._companies[name]

    def _contact(self, company: str) -> End:
        """Return a contact of a company, ``""`` for people on their own: a known one, or a new one."""
        known = self._contacts.setdefault(company, [])
        if known and self._random.random() >= _NEW:
            return self._random.choice(known)
        first, last = self._random.choice(FIRST_NAMES), self._random.choice(LAST_NAMES)
        chance = self._random.random()
        values: dict[str, str | None] = {"firstname": first, "lastname": last}
        if chance < _NAMELESS:
            values = {"firstname": None, "lastname": ""}
        if chance >= _BLANK:
            values["email"] = f"{_ascii(first)}.{_ascii(last)}@{_domain(company)}"
        record = self._create(CONTACTS.name, values, self._next_contact)
        self._next_contact += self._random.randint(1, 9)
        known.append(end_of(record))
        return known[-1]

    def _create(self, object_type: str, values: dict[str, str | None], record_id: int) -> Record:
        created = self._seen_from - self._random.randint(30 * DAY, 900 * DAY)
        return self._data.create(
            object_type,
            values,
            record_id=record_id,
            created_at=created / 1000,
            modified_at=self._random.randint(created, self._seen_from) / 1000,
            already_indexed=True,
        )


def _company_of(deal: Record) -> str:
    name = (deal.properties.get("dealname") or "").casefold()
    return next((one for one in COMPANY_NAMES if name.startswith(one.casefold())), "")


def _domain(company: str) -> str:
    return f"{_ascii(company) or 'mail'}.example"


def _ascii(text: str) -> str:
    """Return the letters of a name that an address can have; names without any get a number."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    letters = re.sub(r"[^a-z]", "", plain)
    return letters or (f"x{sum(text.encode()) % 1000}" if text else "")
