"""Which change makes which events, and what is in them."""

import pytest

V3 = "/crm/v3/objects"


@pytest.fixture
def told(hub):
    """Gives the events since the last time it was asked."""
    hub.webhooks.subscribe("https://service.test/", "x")

    def events():
        before = len(hub.posts)
        while hub.webhooks.deliver_due():
            pass
        return [event for post in hub.posts[before:] for event in post.events]

    return events


def kinds(events):
    return [one["subscriptionType"] for one in events]


def test_a_deal_is_created(hub, clock, told):
    deal = hub.data.add_deal("x")

    (event,) = told()

    assert {key: value for key, value in event.items() if key != "eventId"} == {
        "subscriptionId": 6547118,
        "portalId": 6748263,
        "appId": 39522895,
        "occurredAt": int(clock.now * 1000),
        "subscriptionType": "deal.creation",
        "attemptNumber": 0,
        "objectId": int(deal),
        "changeFlag": "CREATED",
        "changeSource": "INTEGRATION",
        "sourceId": "39522895",
    }


def test_an_activity_tells_its_type_by_the_type_id(hub, told):
    meeting = hub.data.add_activity("meetings")

    (event,) = told()

    assert (event["subscriptionType"], event["objectTypeId"]) == ("object.creation", "0-47")
    assert event["objectId"] == int(meeting)


def test_each_property_that_changed_has_an_event(hub, told):
    deal = hub.data.add_deal("x", {"amount": "1", "description": None})
    told()

    hub.data.update("deals", deal, {"amount": "2", "description": "", "dealname": "x", "dealstage": "closedwon"})

    events = told()
    assert set(kinds(events)) == {"deal.propertyChange"}
    assert {one["propertyName"]: one["propertyValue"] for one in events} == {
        "amount": "2",
        "dealstage": "closedwon",
        "hs_is_closed": "true",
        "hs_is_closed_won": "true",
    }
    assert {one["objectId"] for one in events} == {int(deal)}
    assert not any("isSensitive" in one or "objectTypeId" in one for one in events)


def test_a_cleared_property_has_an_empty_value(hub, told):
    deal = hub.data.add_deal("x", {"amount": "1"})
    told()

    hub.ask("PATCH", f"{V3}/deals/{deal}", {"properties": {"amount": ""}})

    assert [one["propertyValue"] for one in told()] == [""]


def test_properties_that_nobody_can_subscribe_to(hub, told):
    email, note = hub.data.add_activity("emails"), hub.data.add_activity("notes")
    told()

    hub.data.update(
        "emails", email, {"hs_email_subject": "new", "hs_email_html": "<p>x</p>", "hs_email_status": "SENT"}
    )
    hub.data.update("notes", note, {"hs_note_body": "new"})

    events = told()
    assert [one["propertyName"] for one in events] == ["hs_email_status", "hs_note_body"]
    assert [(one["objectTypeId"], one["isSensitive"]) for one in events] == [("0-49", False), ("0-46", False)]


def test_archiving_and_restoring(hub, told):
    note = hub.data.add_activity("notes")
    told()

    for _ in range(2):
        hub.ask("DELETE", f"{V3}/notes/{note}")
    (deleted,) = told()
    for _ in range(2):
        hub.ask("POST", "/_simulator/restore", {"type": "notes", "id": note})
    (restored,) = told()

    assert (deleted["subscriptionType"], deleted["changeFlag"]) == ("object.deletion", "DELETED")
    assert restored["subscriptionType"] == "object.restore"
    assert "changeFlag" not in restored
    assert deleted["objectId"] == restored["objectId"] == int(note)


@pytest.mark.parametrize("keep", [False, True])
def test_a_merge_gives_the_merge_and_a_deletion(hub, told, keep):
    one = hub.data.add_deal("a", {"amount": None, "description": "kept"})
    two = hub.data.add_deal("b", {"amount": "5", "description": "lost"})
    hub.data.add_activity("notes", deals=[two])
    hub.site.behaviour.merge_keeps_primary = keep
    told()

    answer = hub.json("POST", f"{V3}/deals/merge", {"primaryObjectId": one, "objectIdToMerge": two})

    merge, deletion = told()
    assert (merge["subscriptionType"], deletion["subscriptionType"]) == ("deal.merge", "deal.deletion")
    assert merge["primaryObjectId"] == merge["objectId"] == int(one)
    assert merge["mergedObjectIds"] == [int(two)]
    assert merge["newObjectId"] == int(answer["id"])
    assert (answer["id"] == one) is keep
    assert merge["numberOfPropertiesMoved"] == 1
    assert deletion["objectId"] == int(two)


def test_an_association_tells_both_ends(hub, told):
    deal = hub.data.add_deal("x", record_id=11)
    note = hub.data.add_activity("notes", record_id=22)
    told()

    for _ in range(2):
        hub.ask("PUT", f"/crm/v4/objects/deals/{deal}/associations/default/notes/{note}")
    near, far = told()

    assert (near["subscriptionType"], near["associationType"]) == ("deal.associationChange", "DEAL_TO_NOTE")
    assert (near["fromObjectId"], near["toObjectId"]) == (far["toObjectId"], far["fromObjectId"]) == (11, 22)
    assert "objectId" not in near
    assert (near["associationRemoved"], near["isPrimaryAssociation"]) == (False, False)
    assert (far["subscriptionType"], far["associationType"]) == ("object.associationChange", "NOTE_TO_DEAL")
    assert (far["fromObjectTypeId"], far["toObjectTypeId"], far["objectTypeId"]) == ("0-46", "0-3", "0-46")
    assert (far["associationTypeId"], far["associationCategory"]) == (214, "HUBSPOT_DEFINED")


def test_an_association_is_removed(hub, told):
    deal, note = hub.data.add_deal("x"), hub.data.add_activity("notes")
    hub.data.associate("deals", deal, "notes", note)
    told()

    for _ in range(2):
        hub.ask("DELETE", f"/crm/v4/objects/notes/{note}/associations/deals/{deal}")

    events = told()
    assert sorted(one["associationType"] for one in events) == ["DEAL_TO_NOTE", "NOTE_TO_DEAL"]
    assert all(one["associationRemoved"] for one in events)


def test_an_activity_that_is_made_on_a_deal(hub, told):
    deal = hub.data.add_deal("x")
    told()

    hub.data.add_activity("calls", deals=[deal])

    assert kinds(told()) == ["object.creation", "deal.associationChange", "object.associationChange"]
