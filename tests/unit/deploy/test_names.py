"""Alarms and the dashboard name only what ``/metrics`` shows, and what is there before the first event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from dealcache.app import create_app
from dealcache.settings import load_settings
from tests.unit.deploy.promql import Selector, accepts, groupings_of, selectors_of
from tests.unit.test_documentation import anchors_of

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dealcache.json"

#: Prometheus gives these to every series, and tells of each target with a metric of its own.
LABELS_OF_TARGETS = {"job", "instance"}
OF_PROMETHEUS = "up"


class Shown(NamedTuple):
    """The metrics of a service that has just been made: the labels of each sample's series, and all possible ones."""

    series: dict[str, list[dict[str, str]]]
    labels: dict[str, set[str]]


@pytest.fixture(scope="module")
def shown() -> Shown:
    app = create_app(load_settings({"HUBSPOT_ACCESS_TOKEN": "token", "MONGODB_URI": "mongodb://127.0.0.1:1/"}))
    parts = app.extensions["dealcache"]
    try:
        families = list(text_string_to_metric_families(parts.metrics.render().decode()))
    finally:
        parts.stop()
    series: dict[str, list[dict[str, str]]] = {}
    for sample in (sample for family in families for sample in family.samples):
        series.setdefault(sample.name, []).append(dict(sample.labels))
    labels = {}
    for name, collector in parts.metrics.registry._names_to_collectors.items():
        assert isinstance(collector, MetricWrapperBase)
        labels[name] = {*collector._labelnames, *(["le"] if name.endswith("_bucket") else [])}
    return Shown(series, labels)


def expressions() -> Iterator[tuple[str, str]]:
    """The expressions of all alarms and all panels, by what they are called."""
    for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]


EXPRESSIONS = dict(expressions())


def unknown_of(selector: Selector, shown: Shown) -> list[str]:
    """Return what a selector names that is not there, in words."""
    if selector.metric == OF_PROMETHEUS:
        return []
    if selector.metric not in shown.labels:
        return [f"no metric {selector.metric}"]
    own = [matcher for matcher in selector.matchers if matcher[0] not in LABELS_OF_TARGETS]
    labels = {label for label, _, _ in own} - shown.labels[selector.metric]
    if labels:
        return [f"{selector.metric} has no {label}" for label in sorted(labels)]
    series = shown.series.get(selector.metric, [])
    alternatives = [
        (label, how, one) for label, how, text in own for one in (text.split("|") if "~" in how else [text])
    ]
    missing = [
        f"{one} of {selector.metric}" for one in alternatives if not any(accepts(one, its[one[0]]) for its in series)
    ]
    if own and not missing and not any(all(accepts(one, its[one[0]]) for one in own) for its in series):
        missing.append(f"all of {own} of {selector.metric}")
    return missing


@pytest.mark.parametrize("named", EXPRESSIONS)
def test_metrics_labels_and_values_are_there_from_the_start(named: str, shown: Shown) -> None:
    selectors = selectors_of(EXPRESSIONS[named])
    assert selectors
    assert [unknown for one in selectors for unknown in unknown_of(one, shown)] == []
    metrics = {one.metric for one in selectors} - {OF_PROMETHEUS}
    known = LABELS_OF_TARGETS.union(*(shown.labels[one] for one in metrics))
    assert groupings_of(EXPRESSIONS[named]) <= known


@pytest.mark.parametrize("named", [rule for rule in EXPRESSIONS if rule.startswith("Dealcache")])
def test_an_alarm_uses_only_series_that_are_there_from_the_start(named: str, shown: Shown) -> None:
    for selector in selectors_of(EXPRESSIONS[named]):
        assert selector.metric == OF_PROMETHEUS or shown.series.get(selector.metric)


@pytest.mark.parametrize(
    ("expression", "unknown"),
    [
        ("rate(dealcache_no_such_total[5m])", ["no metric dealcache_no_such_total"]),
        ('dealcache_reads_total{place="a"} > 0', ["dealcache_reads_total has no place"]),
        ('sum(dealcache_reads_total{tier="disk"})', ["('tier', '=', 'disk') of dealcache_reads_total"]),
        ('dealcache_reads_total{tier=~"memory|disk"}', ["('tier', '=~', 'disk') of dealcache_reads_total"]),
        ('max by (tier) (dealcache_reads_total{tier!="memory", job="x"} or up{job="x"}) == 1', []),
    ],
)
def test_what_is_not_there_is_found(expression: str, unknown: list[str], shown: Shown) -> None:
    assert [one for selector in selectors_of(expression) for one in unknown_of(selector, shown)] == unknown


def annotations() -> list[Any]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [pytest.param(rule, id=rule["alert"]) for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("rule", annotations())
def test_an_alarm_says_what_happened_what_to_do_and_where_the_runbook_goes_on(rule: dict[str, Any]) -> None:
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert set(rule["annotations"]) == {"summary", "description", "action", "runbook"}
    assert all(rule["annotations"].values())
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in anchors_of(ROOT / page)
