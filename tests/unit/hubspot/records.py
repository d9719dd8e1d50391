"""HubSpot's JSON as its documentation shows it, for tests to vary."""

from __future__ import annotations

CREATED = "2026-01-10T09:00:00.123Z"
UPDATED = "2026-11-01T10:11:12.345Z"


def record(record_id, **properties):
    return {
        "id": record_id,
        "properties": {"hs_object_id": record_id, **properties},
        "createdAt": CREATED,
        "updatedAt": UPDATED,
        "archived": False,
    }


def deal(record_id="7891023", name="Acme renewal", **properties):
    return record(
        record_id,
        **{
            "dealname": name,
            "amount": "1500.00",
            "dealstage": "contractsent",
            "pipeline": "default",
            "hubspot_owner_id": "910901",
            "createdate": CREATED,
            "closedate": "2026-12-07T16:50:06.678Z",
            "hs_lastmodifieddate": UPDATED,
            **properties,
        },
    )


PIPELINES = [
    {
        "id": "default",
        "label": "Sales Pipeline",
        "displayOrder": 0,
        "archived": False,
        "stages": [
            {
                "id": "contractsent",
                "label": "Contract Sent",
                "displayOrder": 2,
                "metadata": {"isClosed": "false", "probability": "0.9"},
                "archived": False,
            },
            {
                "id": "appointmentscheduled",
                "label": "Appointment Scheduled",
                "displayOrder": 0,
                "metadata": {"isClosed": "false", "probability": "0.2"},
                "archived": False,
            },
            {
                "id": "closedwon",
                "label": "Closed Won",
                "displayOrder": 3,
                "metadata": {"isClosed": "true", "probability": "1.0"},
                "archived": False,
            },
        ],
    }
]

OWNERS = [
    {"id": "910901", "email": "a@example.com", "firstName": "Ada", "lastName": "Byron", "archived": False},
    {"id": "2", "email": "b@example.com", "firstName": "", "lastName": None, "archived": True},
]
