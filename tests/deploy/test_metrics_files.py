"""The alert rules and the dashboard speak of numbers that exist, by labels that they have."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec.yaml
import pytest
from prometheus_client import Counter, Gauge, Histogram

from tests.harness.clock import NOON
from twofold.kit import metrics
from twofold.kit.sql.database import Database
from twofold.operations import migrate
from twofold.operations.metrics_endpoint import DatabaseGauges

DEPLOY = Path(__file__).parents[2] / "deploy"
SOURCE = DEPLOY.parent / "src" / "twofold"
RULES = DEPLOY / "prometheus" / "twofold.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "twofold.json"


def expressions() -> Iterator[tuple[str, str]]:
    rules: dict[str, Any] = msgspec.yaml.decode(RULES.read_bytes())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@cache
def of_the_database() -> frozenset[str]:
    """Return the names of the numbers that the database is asked for."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/new.db"
        migrate.upgrade(url)
        gauges, db = DatabaseGauges(), Database(url)
        gauges.refresh(db, NOON)
        db.close()
        return frozenset(family.name for family in gauges.collect())


def numbers() -> dict[str, set[str]]:
    """Return every number by name, with its labels."""
    found: dict[str, set[str]] = {"up": {"job"}} | {name: set() for name in of_the_database()}
    for made in vars(metrics).values():
        if isinstance(made, Counter | Gauge | Histogram):
            name, labels = made._name, set(made._labelnames)
            if isinstance(made, Counter):
                found[f"{name}_total"] = labels
            elif isinstance(made, Histogram):
                found |= {f"{name}_bucket": labels | {"le"}, f"{name}_count": labels, f"{name}_sum": labels}
            else:
                found[name] = labels
    return found


@pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=lambda text: text[:40])
def test_every_number_that_is_asked_for_exists_with_its_labels(where: str, expression: str) -> None:
    known = numbers()
    asked = re.findall(r"\b((?:twofold_\w+)|up)\b(?:\{([^}]*)\})?", expression)
    assert asked, where
    for name, selector in asked:
        assert name in known, f"{where}: there is no number {name}"
        for label in re.findall(r"(\w+)\s*=~?", selector):
            assert label in known[name], f"{where}: {name} has no label {label}"
    grouped = {label for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(", ")}
    assert grouped <= set().union(*(known[name] for name, _selector in asked)), where


def test_every_kind_of_event_that_is_asked_for_happens() -> None:
    source = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    asked = {kind for _where, expression in expressions() for kind in re.findall(r'\bkind="(\w+)"', expression)}
    assert asked
    assert [kind for kind in sorted(asked) if f'"{kind}"' not in source] == []


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    known = {re.sub("_(bucket|count|sum)$", "", name) for name in numbers()}
    for group in msgspec.yaml.decode(RULES.read_bytes())["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["summary"].endswith("."), rule["alert"]
            assert rule["annotations"]["action"].endswith("."), rule["alert"]
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert set(re.findall(r"twofold_\w+", rule["annotations"]["action"])) <= known, rule["alert"]
