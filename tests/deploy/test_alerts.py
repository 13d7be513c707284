"""The alert rules of deploy/prometheus, as Prometheus itself reads and evaluates them.

When each fires, and when not, stands in alerts.yml.
"""

import subprocess
from pathlib import Path
from typing import Any

import msgspec.yaml

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
