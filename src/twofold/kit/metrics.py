"""The numbers that Prometheus collects; labels are few and never hold anything of a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

registry = CollectorRegistry()

requests = Counter("twofold_requests_total", "Requests answered.", ["route", "status"], registry=registry)
request_seconds = Histogram(
    "twofold_request_seconds",
    "Seconds from request to answer.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=registry,
)
mail_waiting = Gauge("twofold_mail_waiting", "Letters that wait in the outbox.", registry=registry)
mail_oldest_seconds = Gauge("twofold_mail_oldest_seconds", "Age of the oldest letter that waits.", registry=registry)
letters = Counter("twofold_letters_total", "Letters by what became of them.", ["outcome"], registry=registry)
lane_inside = Gauge("twofold_lane_inside", "Requests waiting or running in a lane.", ["lane"], registry=registry)


def observe_request(route: str, status: int, seconds: float) -> None:
    """Count a request."""
    requests.labels(route, str(status)).inc()
    request_seconds.observe(seconds)


def exposition() -> bytes:
    """Return all numbers as Prometheus reads them."""
    return generate_latest(registry)
