"""MongoDB: does it answer, has it all indexes, and may we write?"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pymongo
from pymongo.database import Database
from pymongo.errors import PyMongoError

from dealcache.checks.facts import NO_ANSWER, Facts
from dealcache.checks.findings import Finding, failed, ok, warning
from dealcache.repositories import (
    Connection,
    IdentityRepository,
    Overview,
    OverviewRepository,
    StoreError,
    StoreUnavailable,
)
from dealcache.repositories.documents import Document
from dealcache.repositories.indexes import INDEXES

#: Seconds for one operation.
_SECONDS = 5.0

#: The first version with ``$unionWith``.
_OLDEST = (4, 4)

#: MongoDB's codes of errors.
_UNAUTHORIZED, _AUTHENTICATION_FAILED = 13, 18

SUBJECT = "MongoDB"


@dataclass(frozen=True, slots=True)
class Indexes:
    """The number of indexes that there should be, the missing ones, and whether there are no collections at all."""

    wanted: int
    missing: tuple[str, ...]
    is_empty: bool


def questions_of(connection: Connection) -> Mapping[str, Callable[[], object]]:
    """Return what is asked of the database, by name. Each question raises StoreError if it fails."""

    def ask(question: Callable[[Database[Document]], object]) -> object:
        with connection.operation() as database, pymongo.timeout(_SECONDS):
            return question(database)

    return {
        "version": lambda: ask(lambda database: str(database.command("buildInfo")["version"])),
        "indexes": partial(ask, _indexes),
        "write": partial(ask, _write),
        "bound account": IdentityRepository(connection).portal_id,
        "overview": partial(_overview, OverviewRepository(connection)),
    }


def _indexes(database: Database[Document]) -> Indexes:
    """Return which indexes there are."""
    missing = list[str]()
    existing = set(database.list_collection_names())
    for collection, models in INDEXES.items():
        found = database[collection].index_information() if collection in existing else {}
        names = (str(model.document["name"]) for model in models)
        missing += [f"{collection}.{name}" for name in names if name not in found]
    wanted = sum(len(models) for models in INDEXES.values())
    return Indexes(wanted, tuple(missing), existing.isdisjoint(INDEXES))


def _write(database: Database[Document]) -> bool:
    """Write a document and delete it again."""
    document = {"_id": f"check {uuid.uuid4().hex}"}
    database.identity.insert_one(document)
    database.identity.delete_one(document)
    return True


def _overview(repository: OverviewRepository) -> Overview:
    """Return the state of the database."""
    now = datetime.now(UTC)
    overview = repository.read(now)
    if overview.state.watermark is not None:
        return overview
    # Without a watermark the age follows from the deals, which only a scan reads.
    repository.scan(1.0)
    return repository.read(now)


def judge_mongodb(facts: Facts, database: str) -> list[Finding]:
    """Return the findings about MongoDB; those that follow from its not answering are left out.

    Args:
        facts: the answers to the questions of :func:`questions_of`.
        database: the name of the database, for messages.
    """
    version = facts["version"]
    if not isinstance(version, str):
        return [_unreachable(version)]
    return [
        _judge_version(version),
        _judge_indexes(facts["indexes"], database),
        _judge_write(facts["write"], database),
    ]


def _judge_version(version: str) -> Finding:
    numbers = tuple(int(number) for number in version.split(".")[:2] if number.isdecimal())
    if numbers < _OLDEST:
        return failed(SUBJECT, f"its version {version} lacks what the service needs", "use 4.4 or a later one")
    return ok(SUBJECT, f"answers, version {version}")


def _unreachable(error: object) -> Finding:
    if error is NO_ANSWER or isinstance(error, StoreUnavailable):
        return failed(SUBJECT, str(error), "start it, or set MONGODB_URI to a server that can be reached from here")
    if _code_of(error) == _AUTHENTICATION_FAILED:
        return failed(SUBJECT, "it refuses the user or the password", "correct them in MONGODB_URI")
    return failed(SUBJECT, str(error), "see MongoDB's log, and MONGODB_URI")


def _judge_indexes(indexes: object, database: str) -> Finding:
    subject = f"{SUBJECT} indexes"
    if not isinstance(indexes, Indexes):
        return failed(subject, str(indexes), _remedy(indexes, database))
    if not indexes.missing:
        return ok(subject, f"all {indexes.wanted} are there")
    if indexes.is_empty:
        return ok(subject, f"the database {database!r} is new; the service creates them when it starts")
    named = ", ".join(indexes.missing[:3]) + (", …" if len(indexes.missing) > 3 else "")
    text = f"{len(indexes.missing)} of {indexes.wanted} are missing ({named})"
    return warning(subject, text, "the service creates them when it starts; if it runs, its log says why it could not")


def _judge_write(written: object, database: str) -> Finding:
    subject = f"{SUBJECT} writes"
    if written is True:
        return ok(subject, f"the database {database!r} can be written to")
    return failed(subject, str(written), _remedy(written, database))


def _remedy(error: object, database: str) -> str:
    if _code_of(error) in (_UNAUTHORIZED, _AUTHENTICATION_FAILED):
        return f"grant the user of MONGODB_URI the role readWrite on the database {database!r}"
    return "see whether MongoDB has a primary, free disk space, and what its log says"


def _code_of(error: object) -> int | None:
    cause = error.__cause__ if isinstance(error, StoreError) else None
    return getattr(cause, "code", None) if isinstance(cause, PyMongoError) else None
