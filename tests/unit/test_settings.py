"""The environment, and what the operator is told about it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from dealcache.settings import Settings, SettingsError, load_settings

NEEDED = {"HUBSPOT_ACCESS_TOKEN": "pat-secret", "MONGODB_URI": "mongodb://user:hunter2@db/"}


def load(**changes: str) -> Settings:
    return load_settings(NEEDED | changes)


def message_of(**changes: str) -> str:
    with pytest.raises(SettingsError) as told:
        load(**changes)
    text = str(told.value)
    assert "\n" not in text
    return text


def test_the_defaults_are_the_contracts():
    settings = load()
    assert settings.hubspot_base_url == "https://api.hubapi.com"
    assert (settings.cache_ttl_seconds, settings.cache_max_bytes, settings.negative_ttl_seconds) == (600, 268435456, 30)
    assert (settings.stale_if_error_seconds, settings.hubspot_deadline_seconds) == (86400, 15)
    assert (settings.bind, settings.web_concurrency, settings.threads) == ("127.0.0.1:8000", 1, 16)
    assert (settings.api_token, settings.admin_token, settings.cors_origins) == (None, None, frozenset())
    assert (settings.sync_interval_seconds, settings.sync_horizon_seconds) == (0, 300)
    assert (settings.sync_confirm_seconds, settings.sync_reread_calls) == (60, 10000)
    assert (settings.hubspot_client_secret, settings.public_url) == (None, None)
    assert settings.forwarded_allow_ips == (ip_network("127.0.0.1"), ip_network("::1"))
    assert (settings.mongodb_database, settings.timeline_timezone.key, settings.log_format) == (
        "dealcache",
        "UTC",
        None,
    )


def test_an_empty_variable_is_a_missing_one():
    assert load(THREADS="  ", API_TOKEN="").threads == 16
    assert load(API_TOKEN="").api_token is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("THREADS", "many"),
        ("THREADS", "0"),
        ("THREADS", "1.5"),
        ("WEB_CONCURRENCY", "-1"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "257"),  # each would be started, until the machine had no memory left
        ("THREADS", "1025"),
        ("HUBSPOT_DEADLINE_SECONDS", "3601"),
        ("CACHE_TTL_SECONDS", "1e9"),
        ("STALE_IF_ERROR_SECONDS", "1e9"),
        ("NEGATIVE_TTL_SECONDS", "1e9"),
        ("CACHE_TTL_SECONDS", "ten"),
        ("CACHE_TTL_SECONDS", "0"),
        ("CACHE_TTL_SECONDS", "nan"),
        ("CACHE_TTL_SECONDS", "inf"),
        ("CACHE_MAX_BYTES", "10"),
        ("CACHE_MAX_BYTES", "1e9"),
        ("STALE_IF_ERROR_SECONDS", "-1"),
        ("NEGATIVE_TTL_SECONDS", "-1"),
        ("NEGATIVE_TTL_SECONDS", "inf"),
        ("HUBSPOT_API_VERSION", "v4"),
        ("HUBSPOT_BASE_URL", "ftp://api.hubapi.com"),
        ("HUBSPOT_BASE_URL", "api.hubapi.com"),
        ("HUBSPOT_DEADLINE_SECONDS", "0"),
        ("HUBSPOT_DEADLINE_SECONDS", "nan"),
        ("MONGODB_DATABASE", "a/b"),
        ("MONGODB_DATABASE", "a b"),
        ("TIMELINE_TIMEZONE", "Mars/Olympus"),
        ("TIMELINE_TIMEZONE", "../../etc/passwd"),
        ("CORS_ORIGINS", "ui.example.com"),
        ("CORS_ORIGINS", "https://ui.example.com/path"),
        ("CORS_ORIGINS", "https://ui.example.com?query"),
        ("BIND", "nowhere"),
        ("BIND", "127.0.0.1:65536"),
        ("BIND", "127.0.0.1"),
        ("BIND", "unix:relative"),
        ("BIND", "wörld:80"),
        ("HUBSPOT_BASE_URL", "https://example.com:port"),
        ("CORS_ORIGINS", "https://ui.example:99999"),
        ("LOG_FORMAT", "xml"),
        ("SYNC_INTERVAL_SECONDS", "4.9"),
        ("SYNC_INTERVAL_SECONDS", "-5"),
        ("SYNC_INTERVAL_SECONDS", "1e9"),
        ("SYNC_HORIZON_SECONDS", "-1"),
        ("SYNC_HORIZON_SECONDS", "1e15"),
        ("SYNC_CONFIRM_SECONDS", "soon"),
        ("SYNC_REREAD_CALLS", "1.5"),
        ("SYNC_REREAD_CALLS", "-1"),
        ("PUBLIC_URL", "deals.example.com"),
        ("PUBLIC_URL", "https://deals.example.com/?x=1"),
        ("PUBLIC_URL", "https://deals.example.com/#top"),
        ("PUBLIC_URL", "https://deals.example.com/a b"),
        ("PUBLIC_URL", "wss://deals.example.com"),
        ("FORWARDED_ALLOW_IPS", "proxy.example.com"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1/8"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1, ,::1"),
        ("LOG_LEVEL", "LOUD"),
        ("HUBSPOT_DEAL_PROPERTIES", "Priority"),
        ("HUBSPOT_DEAL_PROPERTIES", "hs_priority;deal_source"),
        ("HUBSPOT_DEAL_PROPERTIES", "hs priority"),
        ("HUBSPOT_DEAL_PROPERTIES", "1st"),
        ("HUBSPOT_DEAL_PROPERTIES", "größe"),
        ("HUBSPOT_DEAL_PROPERTIES", "x" * 101),
        ("HUBSPOT_DEAL_PROPERTIES", ",".join(f"p{number}" for number in range(51))),
    ],
)
def test_a_bad_value_is_told_in_one_line_with_its_name_what_it_holds_and_what_it_may_hold(name, text):
    told = message_of(**{name: text})
    assert told.startswith(f"{name} holds {text!r}; it may hold ")


@pytest.mark.parametrize("name", ["HUBSPOT_ACCESS_TOKEN", "HUBSPOT_CLIENT_SECRET", "API_TOKEN", "ADMIN_TOKEN"])
def test_a_bad_secret_is_not_shown(name):
    told = message_of(**{name: "geheim nis\n"})
    assert told.startswith(f"{name} holds a value that is not shown; ")
    assert "geheim" not in told


def test_a_bad_uri_does_not_show_its_password():
    assert "hunter2" not in message_of(MONGODB_URI="postgres://user:hunter2@db/")
    assert "hunter2" not in message_of(MONGODB_URI="mongodb://user:hunter2@db:port/")
    assert "hunter2" not in message_of(MONGODB_URI="mongodb://user:hun@ter2@db/")
    assert "hunter2" not in message_of(HUBSPOT_BASE_URL="ftp://user:hunter2@db/")
    assert "hunter2" not in message_of(HUBSPOT_BASE_URL=f"ftp://user:hun/ter2{'x' * 300}hunter2@db/")
    assert "hunter2" not in message_of(PUBLIC_URL="https://user:hunter2@deals.example.com")
    assert "hunter2" not in message_of(CORS_ORIGINS="https://user:hunter2@ui.example.com")


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_what_is_needed_and_missing_is_told_with_a_way_out(name):
    with pytest.raises(SettingsError, match=f"^{name} is not set: .*dealcache demo"):
        load_settings({key: value for key, value in NEEDED.items() if key != name})


def test_a_token_in_the_wrong_variable_is_not_shown():
    assert "HUBSPOT_API_VERSION holds 'pat-***';" in message_of(HUBSPOT_API_VERSION="pat-na1-5d41402a-bc4b-hunter2")


def test_an_invalid_value_is_told_before_a_missing_one():
    with pytest.raises(SettingsError, match="WEB_CONCURRENCY holds"):
        load_settings({"WEB_CONCURRENCY": "two"})


def test_printing_settings_shows_no_secret():
    assert "pat-secret" not in repr(load())
    assert "hunter2" not in repr(load())


@pytest.mark.parametrize(("threads", "loads", "waiting"), [("1", 1, 4), ("4", 3, 16), ("16", 12, 64)])
def test_bounds_of_those_who_wait_for_hubspot(threads, loads, waiting):
    settings = load(THREADS=threads)
    assert (settings.hubspot_loads, settings.hubspot_waiting_threads) == (loads, waiting)


@pytest.mark.parametrize("bind", ["0.0.0.0:80", "[::1]:8000", "deals.example.com:8000", "unix:/run/x.sock"])
def test_where_to_listen(bind):
    assert load(BIND=bind).bind == bind


def test_lists_and_choices_are_read_leniently():
    settings = load(CORS_ORIGINS=" https://a.example , http://b.example:8080,", LOG_LEVEL="debug", LOG_FORMAT="JSON")
    assert settings.cors_origins == {"https://a.example", "http://b.example:8080"}
    assert (settings.log_level, settings.log_format) == ("DEBUG", "json")


def test_a_sync_by_itself_is_off_or_not_too_often():
    assert [load(SYNC_INTERVAL_SECONDS=text).sync_interval_seconds for text in ("0", "0.0", "5")] == [0, 0, 5]


def test_where_hubspot_calls_us_may_have_a_path_in_front():
    assert load(PUBLIC_URL="https://deals.example.com:8443/").public_url == "https://deals.example.com:8443"
    assert load(PUBLIC_URL="https://example.com/deals/").public_url == "https://example.com/deals"


def test_proxies_to_be_trusted():
    chosen = load(FORWARDED_ALLOW_IPS="10.0.0.0/8, 2001:db8::1").forwarded_allow_ips
    assert chosen == (ip_network("10.0.0.0/8"), ip_network("2001:db8::1/128"))
    assert load(FORWARDED_ALLOW_IPS="*").forwarded_allow_ips == (ip_network("0.0.0.0/0"), ip_network("::/0"))


def test_own_properties_keep_their_order_and_a_repeated_one_counts_once():
    assert load().hubspot_deal_properties == ()
    assert load(HUBSPOT_DEAL_PROPERTIES=" hs_priority, amount,,hs_priority ").hubspot_deal_properties == (
        "hs_priority",
        "amount",
    )
    names = [f"p{number}" for number in range(50)]
    assert load(HUBSPOT_DEAL_PROPERTIES=",".join([*names, *names])).hubspot_deal_properties == tuple(names)
