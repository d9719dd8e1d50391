"""The paths of HubSpot's two API versions, whose JSON is the same.

Source: HubSpot's published OpenAPI descriptions and its page "API versioning".
"""

from __future__ import annotations

#: The possible values of ``HUBSPOT_API_VERSION``.
API_VERSIONS = ("v3", "2026-09")


class Paths:
    """The paths of one API version; each starts with a slash.

    Args:
        version: one of :data:`API_VERSIONS`.

    Raises:
        ValueError: for any other version.
    """

    def __init__(self, version: str) -> None:
        if version not in API_VERSIONS:
            raise ValueError(f"HubSpot API version {version!r} is none of {', '.join(API_VERSIONS)}")
        semantic = version == "v3"
        self.account_details = f"/account-info/{version}/details"
        self.daily_usage = f"/account-info/{version}/api-usage/daily/private-apps"
        self.owners = "/crm/v3/owners" if semantic else f"/crm/owners/{version}"
        self.deal_pipelines = "/crm/v3/pipelines/deals" if semantic else f"/crm/pipelines/{version}/deals"
        self.deal_properties = "/crm/v3/properties/deals" if semantic else f"/crm/properties/{version}/deals"
        self._objects = "/crm/v3/objects" if semantic else f"/crm/objects/{version}"
        # Associations are the one API of the older family whose current version is v4.
        self._associations = "/crm/v4/associations" if semantic else f"/crm/associations/{version}"

    def search(self, object_type: str) -> str:
        """Return where records of ``object_type`` (``deals``, ``calls``, …) are searched."""
        return f"{self._objects}/{object_type}/search"

    def batch_read(self, object_type: str) -> str:
        """Return where records of ``object_type`` are read by their ids."""
        return f"{self._objects}/{object_type}/batch/read"

    def objects(self, object_type: str) -> str:
        """Return where all records of ``object_type`` are listed."""
        return f"{self._objects}/{object_type}"

    def associations(self, from_type: str, to_type: str) -> str:
        """Return where the ids of the ``to_type`` records that belong to ``from_type`` records are read."""
        return f"{self._associations}/{from_type}/{to_type}/batch/read"
