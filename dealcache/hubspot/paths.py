"""Where HubSpot keeps what: the paths of its two API versions, whose JSON is the same.

Source: HubSpot's published OpenAPI descriptions and its page "API versioning".
"""

from __future__ import annotations

from typing import Protocol

#: What ``HUBSPOT_API_VERSION`` may be.
API_VERSIONS = ("v3", "2026-09")


class Paths(Protocol):
    """The paths of one API version; each starts with a slash."""

    account_details: str
    owners: str
    deal_pipelines: str

    def search(self, object_type: str) -> str:
        """Where records of ``object_type`` (``deals``, ``calls``, …) are searched."""

    def batch_read(self, object_type: str) -> str:
        """Where records of ``object_type`` are read by their ids."""

    def objects(self, object_type: str) -> str:
        """Where all records of ``object_type`` are listed."""

    def associations(self, from_type: str, to_type: str) -> str:
        """Where the ids of the ``to_type`` records that belong to ``from_type`` records are read."""


class _SemanticPaths:
    account_details = "/account-info/v3/details"
    owners = "/crm/v3/owners"
    deal_pipelines = "/crm/v3/pipelines/deals"

    def search(self, object_type: str) -> str:
        return f"{self.objects(object_type)}/search"

    def batch_read(self, object_type: str) -> str:
        return f"{self.objects(object_type)}/batch/read"

    def objects(self, object_type: str) -> str:
        return f"/crm/v3/objects/{object_type}"

    def associations(self, from_type: str, to_type: str) -> str:
        # Associations are the one API of this family whose current version is v4.
        return f"/crm/v4/associations/{from_type}/{to_type}/batch/read"


class _DatedPaths:
    def __init__(self, version: str) -> None:
        self._version = version
        self.account_details = f"/account-info/{version}/details"
        self.owners = f"/crm/owners/{version}"
        self.deal_pipelines = f"/crm/pipelines/{version}/deals"

    def search(self, object_type: str) -> str:
        return f"{self.objects(object_type)}/search"

    def batch_read(self, object_type: str) -> str:
        return f"{self.objects(object_type)}/batch/read"

    def objects(self, object_type: str) -> str:
        return f"/crm/objects/{self._version}/{object_type}"

    def associations(self, from_type: str, to_type: str) -> str:
        return f"/crm/associations/{self._version}/{from_type}/{to_type}/batch/read"


def paths_for(version: str) -> Paths:
    """Return the paths of ``version``, one of :data:`API_VERSIONS`.

    Raises:
        ValueError: for any other version.
    """
    if version not in API_VERSIONS:
        raise ValueError(f"HubSpot API version {version!r} is none of {', '.join(API_VERSIONS)}")
    return _SemanticPaths() if version == "v3" else _DatedPaths(version)
