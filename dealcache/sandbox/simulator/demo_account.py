"""The owners, pipelines and association labels of the demo account."""

from __future__ import annotations

from typing import Any

from dealcache.sandbox.simulator.associations import Label

_CREATED = "2024-02-05T08:00:00.000Z"
_UPDATED = "2026-03-02T15:30:00.000Z"

#: The label that some demo calls carry on top of HubSpot's own association type.
KICK_OFF = Label(28, "Kick-off call")

#: Ids of the owners that demo deals and activities name. The last active one has an e-mail address and no name.
OWNER_IDS = ("910901", "910902", "910903", "910904", "910905")
ARCHIVED_OWNER_ID = "910890"
#: An owner that deals name but that HubSpot no longer knows.
UNKNOWN_OWNER_ID = "999999"

NUMERIC_PIPELINE_ID = "75018640"
DEFAULT_STAGES = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"),
    ("closedlost", "Closed Lost", "0.0"),
)
NUMERIC_STAGES = (
    ("143220001", "Kündigungsfrist läuft", "0.3"),
    ("143220002", "Angebot verschickt", "0.7"),
    ("143220003", "Verlängert", "1.0"),
    ("143220004", "Gekündigt", "0.0"),
)


def demo_owners() -> list[dict[str, Any]]:
    """Five active owners and an archived one, in the form of HubSpot's JSON."""
    return [
        _owner(OWNER_IDS[0], "Grace", "Okafor"),
        _owner(OWNER_IDS[1], "Tomáš", "Novák"),
        _owner(OWNER_IDS[2], "Saoirse", "O'Neill"),
        _owner(OWNER_IDS[3], "陽子", "佐藤"),
        _owner(OWNER_IDS[4], "", ""),
        _owner(ARCHIVED_OWNER_ID, "Ruth", "Lindqvist", archived=True),
    ]


def demo_pipelines() -> list[dict[str, Any]]:
    """HubSpot's standard sales pipeline and one that the account made, in the form of HubSpot's JSON."""
    return [
        _pipeline("default", "Sales Pipeline", 0, DEFAULT_STAGES),
        _pipeline(NUMERIC_PIPELINE_ID, "Vertragsverlängerung", 1, NUMERIC_STAGES),
    ]


def _owner(owner_id: str, first: str, last: str, *, archived: bool = False) -> dict[str, Any]:
    user_id = int(owner_id) + 8_000_000
    return {
        "id": owner_id,
        "email": f"owner{owner_id}@example.com",
        "type": "PERSON",
        "firstName": first,
        "lastName": last,
        # HubSpot, owners guide: a deactivated owner's userId is null, the other one stays.
        "userId": None if archived else user_id,
        "userIdIncludingInactive": user_id,
        "createdAt": _CREATED,
        "updatedAt": _UPDATED,
        "archived": archived,
        "teams": [{"id": "368389", "name": "Sales Team", "primary": True}],
    }


def _pipeline(pipeline_id: str, label: str, order: int, stages: tuple[tuple[str, str, str], ...]) -> dict[str, Any]:
    return {
        "id": pipeline_id,
        "label": label,
        "displayOrder": order,
        "archived": False,
        "createdAt": _CREATED,
        "updatedAt": _UPDATED,
        "stages": [
            {
                "id": stage_id,
                "label": stage_label,
                "displayOrder": place,
                "metadata": {
                    "isClosed": "true" if probability in ("0.0", "1.0") else "false",
                    "probability": probability,
                },
                "archived": False,
                "createdAt": _CREATED,
                "updatedAt": _UPDATED,
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            }
            for place, (stage_id, stage_label, probability) in enumerate(stages)
        ],
    }
