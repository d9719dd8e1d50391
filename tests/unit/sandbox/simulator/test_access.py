"""Tokens and scopes."""

import orjson
import pytest

from dealcache.sandbox.simulator import ALL_SCOPES

READ = {"crm.objects.deals.read", "crm.objects.contacts.read", "sales-email-read", "crm.objects.owners.read"}


def test_no_or_a_wrong_token(hub):
    for token in ("", "wrong"):
        answer = hub.ask("GET", "/crm/v3/objects/deals", token=token)
        body = orjson.loads(answer.body)
        assert (answer.status, body["category"]) == (401, "INVALID_AUTHENTICATION")
        assert answer.headers["X-HubSpot-Correlation-Id"] == body["correlationId"]


@pytest.mark.parametrize(
    ("lacking", "method", "path"),
    [
        ("crm.objects.deals.read", "GET", "/crm/v3/objects/deals"),
        ("crm.objects.deals.read", "POST", "/crm/v3/objects/0-3/search"),
        ("crm.objects.contacts.read", "GET", "/crm/v3/objects/notes"),
        ("crm.objects.contacts.read", "GET", "/crm/objects/2026-09/emails"),
        ("sales-email-read", "GET", "/crm/objects/2026-09/emails"),
        ("crm.objects.owners.read", "GET", "/crm/v3/owners"),
        ("crm.objects.deals.write", "DELETE", "/crm/v3/objects/deals/1"),
        ("crm.objects.contacts.write", "DELETE", "/crm/v3/objects/notes/1"),
    ],
)
def test_a_missing_scope_is_named(hub, lacking, method, path):
    hub.site.scopes = ALL_SCOPES - {lacking}

    body = hub.json(method, path, status=403)

    assert body["category"] == "MISSING_SCOPES"
    assert lacking in body["errors"][0]["context"]["requiredGranularScopes"]
    assert body["links"]["scopes"] == "https://developers.hubspot.com/scopes"


@pytest.mark.parametrize(
    ("scopes", "path"),
    [
        (READ, "/crm/v3/objects/deals"),
        (READ, "/crm/objects/2026-09/emails"),
        ({"sales-email-read"}, "/crm/v3/objects/emails"),
        ({"crm.objects.contacts.read"}, "/crm/v3/objects/emails"),
        ({"crm.objects.owners.read"}, "/crm/v3/pipelines/deals"),
        (set(), "/account-info/v3/details"),
    ],
)
def test_scopes_that_are_enough(hub, scopes, path):
    hub.site.scopes = scopes

    hub.json("GET", path)


def test_email_content_needs_a_scope_of_its_own(hub):
    email = hub.data.add_activity(
        "emails", {"hs_email_subject": "Hi", "hs_email_text": "secret", "hs_email_html": None}
    )
    hub.site.scopes = ALL_SCOPES - {"sales-email-read"}

    shown = hub.json("GET", f"/crm/v3/objects/emails/{email}?properties=hs_email_subject,hs_email_text,hs_email_html")

    assert shown["properties"]["hs_email_text"].startswith("The content of this email has been redacted")
    assert shown["properties"]["hs_email_subject"] == "Hi"
    assert shown["properties"]["hs_email_html"] is None


def test_the_token_tells_its_account_and_scopes(hub):
    path = "/oauth/v2/private-apps/get/access-token-info"
    hub.json("PATCH", "/_simulator/settings", {"scopes": ["crm.objects.deals.read"]})

    told = hub.json("POST", path, {"tokenKey": hub.site.token})

    assert (told["hubId"], told["scopes"]) == (hub.site.portal_id, ["crm.objects.deals.read"])
    hub.json("POST", path, {"tokenKey": "another"}, status=400)
