"""The parts of a run as tasks of Ray, on this machine or on the machines of a cluster.

Ray chooses where a task runs, and runs it again elsewhere if its machine is lost. The process of a
worker keeps its model open for the next task. A task only returns the file of its part; the process
that planned it writes it, so a part that was run twice is written once.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pictell.batch.description import model_key
from pictell.batch.entries import Entry
from pictell.batch.part import Choice, MadePart, make_part
from pictell.batch.rows import PartFormat
from pictell.budget import budget_share
from pictell.classifier import Classifier
from pictell.errors import (
    ClusterError,
    InvalidModelError,
    ModelWarning,
    PictellError,
    UsageError,
)
from pictell.pipeline.executor import Threads
from pictell.processors import available_cores
from pictell.version import __version__

# How often Ray runs a part again whose machine or process is lost. A model that crashes its process
# on each part must not go on for ever.
RETRIES = 5
# Ray's own attempts to reach an address take minutes.
REACH_S = 5
# Bytes that a Ray of this machine reserves for parts on their way; what needs more goes to disk.
LOCAL_STORE = 200_000_000


class Workers(NamedTuple):
    """Who labels: at most ``limit`` workers at a time, each with some processors and GPUs.

    Without ``limit`` there are as many as the machines have room for. ``address`` is that of a
    cluster; without it and without ``RAY_ADDRESS``, Ray is started on this machine.
    """

    limit: int | None = None
    cpus: int = 1
    gpus: float = 0
    address: str | None = None


class Recipe(NamedTuple):
    """What a worker needs beside the entries of a part. ``classifier`` is a pickle of one."""

    classifier: bytes
    key: str
    choice: Choice
    format: PartFormat
    threads: int
    version: str = __version__


@contextmanager
def connect(workers: Workers) -> Iterator[None]:
    """Connect to a cluster, or start Ray on this machine and end it again.

    Raises ``UsageError`` without Ray, and ``ClusterError``.
    """
    # Ray reads them when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = workers.address
    if address is None:
        address = os.environ.get("RAY_ADDRESS") or "local"
    own: dict[str, Any] = {}
    if address == "local":
        # Only processes of this user may use it, though its ports are open.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        cpus = workers.cpus * (workers.limit or max(1, available_cores() // workers.cpus))
        own = {"num_cpus": cpus, "object_store_memory": LOCAL_STORE, "include_dashboard": False}
    try:
        import ray
    except ImportError as error:
        remedy = "pip install 'pictell[ray]'"
        raise UsageError(f"--engine ray needs the extra ray: {error}: {remedy}") from error
    _check_reachable(address)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        # Workers look for modules in the current folder first. A folder of pictures may have some.
        with chdir(sys.prefix):
            ray.init(address, **own, **quiet)
    except Exception as error:  # ConnectionError, ValueError, RuntimeError, and Ray's own
        raise ClusterError(f"Ray cannot be used ({address}): {_reason(error)}") from error
    try:
        if address == "local" and not _room(workers):
            raise UsageError(f"this machine has no {workers.gpus:g} GPUs (--gpus-per-worker)")
        yield
    finally:
        ray.shutdown()


def make_recipe(
    classifier: Classifier, choice: Choice, format_: PartFormat, threads: int
) -> Recipe:
    """What workers with some threads need to label as ``classifier`` does."""
    pickled, key = pickle.dumps(classifier), model_key(classifier.spec)
    return Recipe(pickled, key, choice, format_, threads)


def make_parts(
    classifier: Classifier,
    choice: Choice,
    workers: Workers,
    format_: PartFormat,
    parts: Iterable[tuple[int, list[Entry]]],
) -> Iterator[MadePart]:
    """Label numbered parts as ``classifier`` does, while connected; see ``MakeParts``.

    Parts are taken as there is room for them. Raises ``ClusterError`` if a part or a machine fails
    again and again, and the ``PictellError`` of a worker that cannot label at all.
    """
    import ray

    task = ray.remote(
        num_cpus=workers.cpus,
        num_gpus=workers.gpus,
        max_retries=RETRIES,
        scheduling_strategy="SPREAD",
        # Or Ray ends the process of a GPU after each task.
        max_calls=0,
    )(work)
    recipe = make_recipe(classifier, choice, format_, workers.cpus)
    remaining, running = iter(parts), list[Any]()
    while True:
        # Machines may join.
        room = workers.limit or max(1, _room(workers))
        for number, entries in islice(remaining, max(0, room - len(running))):
            running.append(task.remote(recipe, number, [_absolute(one) for one in entries]))
        if not running:
            return
        (done,), running = ray.wait(running)
        try:
            yield ray.get(done)
        except ray.exceptions.RayError as error:
            raise _to_pictell_error(error) from error


def _room(workers: Workers) -> int:
    """How many workers the machines of the cluster have room for."""
    import ray

    room = 0
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            by_gpu = has.get("GPU", 0) / workers.gpus if workers.gpus else float("inf")
            room += int(min(has.get("CPU", 0) / workers.cpus, by_gpu))
    return room


def work(recipe: Recipe, number: int, entries: list[Entry]) -> MadePart:
    """Make a part, in a process of a worker."""
    _check_folder(entries)
    if recipe.version != __version__:
        raise ClusterError(
            f"{socket.gethostname()} has pictell {__version__}, and {recipe.version} plans the "
            "parts: install the same version on all machines"
        )
    classifier = _open(recipe.classifier, recipe.key, recipe.threads)
    return make_part(classifier, number, entries, recipe.choice, recipe.format)


@lru_cache(maxsize=1)
def _open(pickled: bytes, key: str, threads: int) -> Classifier:
    """The classifier of this process, which stays open. Raises ``ModelError``."""
    with warnings.catch_warnings():
        # The process that plans the parts has warned.
        warnings.simplefilter("ignore", ModelWarning)
        classifier: Classifier = pickle.loads(pickled)
    if model_key(classifier.spec) != key:
        raise InvalidModelError(
            f"{socket.gethostname()} has another model {classifier.spec.name}: "
            "give all machines the same one"
        )
    # The other processors of the machine are for other workers, and so is their share of memory.
    limits = classifier.model.limits
    share = budget_share(limits.memory_budget, threads, available_cores())
    classifier.model.limits = replace(limits, memory_budget=share)
    return Classifier(classifier.model, classifier.scorer, executor=Threads(threads))


def _check_folder(entries: list[Entry]) -> None:
    """Raise ``ClusterError`` if this machine does not have the folder of pictures."""
    path = next((one.content for one in entries if one.size is not None), None)
    if isinstance(path, Path) and not path.parent.is_dir():
        raise ClusterError(
            f"{socket.gethostname()} has no folder {path.parent}: "
            "the pictures must be where all machines find them, such as S3 or a network drive"
        )


def _absolute(entry: Entry) -> Entry:
    """The same entry for a process with another current folder."""
    content = entry.content
    return entry._replace(content=content.absolute()) if isinstance(content, Path) else entry


def _check_reachable(address: str) -> None:
    """Raise ``ClusterError`` unless something listens at a host and port."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"no Ray cluster answers at {address}: {error}") from error


def _to_pictell_error(error: Exception) -> PictellError:
    """The error of a worker that pictell raised on purpose, or one that names what Ray says."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, PictellError):
        return cause
    return ClusterError(f"a worker failed: {_reason(error)}: run the same command again to go on")


def _reason(error: Exception) -> str:
    """The line of an exception that says most: the last one."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
