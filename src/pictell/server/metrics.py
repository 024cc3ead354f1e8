"""What Prometheus reads: requests, latency, pictures, batches, the time of the model, refusals."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from pictell.results import Result

# In seconds; a picture takes 10 ms, and a request at most the limit of time, 30 s.
LATENCIES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30)
BATCHES = (1, 2, 3, 4, 8, 16, 32, 64)
# The library keeps the counts of several workers in files of this folder.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The metrics of one server. Safe to use from several threads."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "pictell_requests", "Requests", ["path", "method", "status"], registry=registry
        )
        self._latency = Histogram(
            "pictell_request_seconds",
            "Time from the head of a request to the end of its answer",
            ["path"],
            buckets=LATENCIES,
            registry=registry,
        )
        self._pictures = Counter(
            "pictell_pictures", "Pictures by what came of them", ["model", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._warnings = Counter(
            "pictell_warnings", "Pictures with a result and a warning", ["model", "warning"],
            registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            "pictell_refused", "Requests that were refused", ["reason"], registry=registry
        )
        self.queue = Gauge(
            "pictell_queue_pictures",
            "Pictures that wait or are worked on",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._batch = Histogram(
            "pictell_batch_pictures",
            "Pictures in one run of the model",
            ["model"],
            buckets=BATCHES,
            registry=registry,
        )
        self._run = Histogram(
            "pictell_run_seconds",
            "Time of one run of the model",
            ["model"],
            buckets=LATENCIES,
            registry=registry,
        )

    def saw_request(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count a request to a route. ``path`` is that of the route, never what a client typed."""
        self._requests.labels(path, method, str(status)).inc()
        self._latency.labels(path).observe(seconds)

    def saw_picture(self, model: str, result: Result) -> None:
        """Count a picture by its outcome, ``ok`` or the code of its error, and its warnings."""
        self._pictures.labels(model, result.error.code if result.error else "ok").inc()
        for warning in result.warnings:
            self._warnings.labels(model, warning).inc()

    def saw_batch(self, model: str, size: int, seconds: float) -> None:
        """Count a run of a model."""
        self._batch.labels(model).observe(size)
        self._run.labels(model).observe(seconds)

    def saw_refusal(self, reason: str) -> None:
        """Count a request that was refused; ``reason`` is the code of the error."""
        self._refused.labels(reason).inc()

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus, those of all workers added up."""
        if not (folder := os.environ.get(FOLDER)):
            return generate_latest(self._registry)
        _forget_dead_workers(folder)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _forget_dead_workers(folder: str) -> None:
    """Drop what workers that were killed still work on, as their files say."""
    for path in Path(folder).glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            mark_process_dead(process, folder)  # type: ignore[no-untyped-call]
