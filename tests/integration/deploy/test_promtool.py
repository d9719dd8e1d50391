"""Prometheus' own tool accepts the alarms and the scrape configuration, and finds each alarm firing when it should."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

#: `make test-long` installs promtool.
pytestmark = pytest.mark.long

PROMETHEUS = Path(__file__).parents[3] / "deploy" / "prometheus"


def promtool(*arguments: str, cwd: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60)


def test_rules_and_scrape_configuration_are_valid(tmp_path: Path) -> None:
    shutil.copy(PROMETHEUS / "scrape.yml", tmp_path / "prometheus.yml")
    shutil.copy(PROMETHEUS / "rules.yml", tmp_path / "dealcache-rules.yml")
    checked = promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alarm_fires_in_its_trouble_and_not_otherwise() -> None:
    tested = promtool("test", "rules", "rules_test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    alarms = re.findall(r"- alert: (\w+)", (PROMETHEUS / "rules.yml").read_text("utf-8"))
    cases = (PROMETHEUS / "rules_test.yml").read_text("utf-8")
    assert [alarm for alarm in alarms if f'labels: \'{{alertname="{alarm}"' not in cases] == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("> 0.05 * sum", "> 0.04 * sum"),
        ("> 3600 + 3", "> 3000 + 3"),
        ("< 0.05 * max", "<= 0.05 * max"),
        ('status=~"5.."', 'status=~"[25].."'),
        ("dealcache_data_as_of_timestamp_seconds > 0", "dealcache_data_as_of_timestamp_seconds"),
        ("dealcache_sync_interval_seconds > 0", "dealcache_sync_interval_seconds"),
        ("unless max", "unless 0 * max"),
        ("> 2.5", "> 0"),
        ("> 4.5", "> 0"),
        ("hubspot_refusals_total[15m]", "hubspot_refusals_total[5m]"),
        (" and dealcache_hubspot_daily_calls_limit > 0", ""),
    ],
)
def test_the_cases_notice_an_alarm_that_is_wrong(right: str, wrong: str, tmp_path: Path) -> None:
    rules = (PROMETHEUS / "rules.yml").read_text("utf-8")
    assert right in rules
    (tmp_path / "rules.yml").write_text(rules.replace(right, wrong), "utf-8")
    shutil.copy(PROMETHEUS / "rules_test.yml", tmp_path)
    assert promtool("test", "rules", "rules_test.yml", cwd=tmp_path).returncode != 0
