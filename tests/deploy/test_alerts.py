"""The alert rules of deploy/prometheus, as Prometheus itself reads and evaluates them.

When each fires, and when not, stands in alerts.yml.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec.yaml
import pytest

from tests.conftest import Serve
from tests.harness.metrics import HOST, scrape, wait_for
from tests.harness.ports import free_port
from tests.harness.processes import wait_until
from tests.harness.smtp import SmtpServer

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "twofold.rules.yml"
CASES = Path(__file__).parent / "alerts.yml"


def promtool(*arguments: object) -> str:
    """Run promtool (Debian's package prometheus); return what it says."""
    ran = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_prometheus_reads_the_rules() -> None:
    assert "12 rules found" in promtool("check", "rules", RULES)


def test_each_alert_fires_in_its_trouble_and_not_in_what_is_near_it() -> None:
    promtool("test", "rules", CASES)
    rules: Any = msgspec.yaml.decode(RULES.read_bytes())
    cases: Any = msgspec.yaml.decode(CASES.read_bytes())
    held = [case for test in cases["tests"] for case in test["alert_rule_test"]]
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert {case["alertname"] for case in held if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in held if not case["exp_alerts"]} == alerts


SELECTOR = re.compile(r"(twofold_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)(=~?)"([^"]*)"')
LATER = {'twofold_requests_total{status="503"}'}  # counted by route: test_metrics_endpoint.py sees them in an outage


def looked_at() -> set[str]:
    """Return the series that the rules and the dashboard look at, as they write them."""
    dashboard = (RULES.parents[1] / "grafana" / "twofold.json").read_text().replace('\\"', '"')
    return {found[0] for text in (RULES.read_text(), dashboard) for found in SELECTOR.finditer(expressions(text))}


def expressions(text: str) -> str:
    return "\n".join(re.findall(r'^\s*"?expr"?: "?(.*?)"?,?$', text, re.MULTILINE))


def fits(series: str, selector: str) -> bool:
    """Tell whether a series is one that a selector picks."""
    wanted, found = SELECTOR.fullmatch(selector), SELECTOR.fullmatch(series)
    if wanted is None or found is None or wanted[1] != found[1]:
        return False
    labels = {name: value for name, _, value in LABEL.findall(found[2] or "")}
    return all(
        re.fullmatch(value if how == "=~" else re.escape(value), labels.get(name, ""))
        for name, how, value in LABEL.findall(wanted[2] or "")
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_all_that_alerts_and_the_dashboard_look_at_is_there_before_anything_happens(
    postgresql_url: str, serve: Serve, smtp: SmtpServer, workers: int
) -> None:
    """Stops: a first lock that `increase` does not see, because its series began with it; a number misspelt."""
    port = free_port()
    serve(postgresql_url, smtp=smtp, workers=workers, metrics_listen=f"{HOST}:{port}")
    wait_for(port, "twofold_database_up", 1)
    wait_until(lambda: any(fits(name, "twofold_pool_inside") for name in scrape(port)), what="a sample")
    there = scrape(port)
    missing = {selector for selector in looked_at() if not any(fits(series, selector) for series in there)}
    assert missing == LATER
    assert there['twofold_events_total{kind="locked",result="done"}'] == 0
    assert len(looked_at()) > 20
