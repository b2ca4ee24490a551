"""Figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .engine import Engine
from .events import Streams
from .jobs import FINISHED, UNFINISHED

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """What was asked of a service, how long it took, and how its engine stands."""

    def __init__(self, engine: Engine, streams: Streams) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "dicesim_http_requests",
            "Requests that were answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "dicesim_http_request_seconds",
            "Time until an answer began.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_EngineFigures(engine, streams))

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Write all figures."""
        return generate_latest(self._registry)


class _EngineFigures(Collector):
    """Figures that are looked up when they are asked for."""

    def __init__(self, engine: Engine, streams: Streams) -> None:
        self._engine = engine
        self._streams = streams

    def collect(self) -> Iterator[Metric]:
        engine = self._engine
        states = [active.job.state for active in engine.active.values()]
        jobs = GaugeMetricFamily("dicesim_jobs", "Jobs that are not finished.", labels=["state"])
        for state in UNFINISHED:
            jobs.add_metric([state], states.count(state))
        yield jobs
        ended = CounterMetricFamily("dicesim_jobs_ended", "Jobs that ended.", labels=["state"])
        for state in FINISHED:
            ended.add_metric([state], engine.finished[state])
        yield ended
        yield CounterMetricFamily("dicesim_trials", "Trials of ended jobs.", engine.trials)
        yield GaugeMetricFamily("dicesim_streams", "Event streams.", self._streams.open)
        yield GaugeMetricFamily("dicesim_questions", "Unanswered questions.", engine.desk.open)
        deaths = engine.rollers.deaths + engine.desks.deaths
        yield CounterMetricFamily("dicesim_worker_deaths", "Workers that died.", deaths)
