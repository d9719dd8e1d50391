"""The dashboard has the form that Grafana imports: the right keys, one id for each panel, and no panel over another."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

DASHBOARD = json.loads(Path(__file__).parents[3].joinpath("deploy", "grafana", "dealcache.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

#: Grafana's grid.
_COLUMNS = 24


def test_it_may_be_imported_into_any_grafana_since_10() -> None:
    assert DASHBOARD["schemaVersion"] >= 36  # data sources as objects
    assert "id" not in DASHBOARD  # that of another Grafana's database
    assert (DASHBOARD["title"], DASHBOARD["uid"]) == ("dealcache", "dealcache")
    assert {panel["type"] for panel in PANELS} == {"row", "stat", "timeseries"}


def test_each_panel_asks_the_source_and_the_instances_that_its_reader_chooses() -> None:
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    assert variables["instance"]["datasource"] == SOURCE
    for panel in CHARTS:
        assert panel["datasource"] == SOURCE
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        for target in panel["targets"]:
            assert target["datasource"] == SOURCE
            assert target["expr"].count("dealcache_") == target["expr"].count('{job="dealcache", instance=~"$instance"')
            used = set(re.findall(r"\$\{?(\w+)", target["expr"]))
            assert used <= {*variables, "__rate_interval"}


def test_panels_have_ids_of_their_own_titles_and_explanations() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in CHARTS:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_no_panel_lies_over_another_or_beyond_the_edge() -> None:
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] >= 0 < place["w"]
        assert place["x"] + place["w"] <= _COLUMNS
    for one, other in combinations((panel["gridPos"] for panel in PANELS), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
