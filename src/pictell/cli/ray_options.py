"""The options of ``pictell batch`` that choose who labels: this process, or workers of Ray."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli.parser import Parser, add_choice, number, positive_int
from pictell.errors import UsageError

if TYPE_CHECKING:
    from pictell.batch.job import Job
    from pictell.batch.part import Choice
    from pictell.classifier import Classifier
    from pictell.results import Result

ENGINES = LOCAL, RAY = "local", "ray"
# Those that have no effect on this process.
NEED_RAY = ("workers", "cpus_per_worker", "gpus_per_worker", "ray_address")


def add_ray_options(parser: Parser) -> None:
    """Add ``engine`` and the options that ``label_on_ray`` reads."""
    group = parser.add_argument_group("which machines label")
    add = group.add_argument
    add_choice(group, "--engine", ENGINES, "this process, or workers of Ray (local)", LOCAL)
    workers = "workers of Ray at a time (as many as the machines have room for)"
    add("--workers", type=positive_int, metavar="N", help=workers)
    cpus = "processors of a worker of Ray (1)"
    add("--cpus-per-worker", type=positive_int, metavar="N", help=cpus)
    gpus = "GPUs of a worker of Ray, such as 1 or 0.5; needs --device gpu (0)"
    add("--gpus-per-worker", type=number, metavar="N", help=gpus)
    address = "a cluster, such as auto or HOST:6379 (RAY_ADDRESS, or a Ray of this machine)"
    add("--ray-address", metavar="ADDRESS", help=address)


def check_ray_options(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` for options that contradict each other."""
    if options.engine == LOCAL:
        for name in NEED_RAY:
            if getattr(options, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} needs --engine ray")
        return
    if options.watch or options.dry_run:
        option = "--watch" if options.watch else "--dry-run"
        raise UsageError(f"{option} works in this process: leave --engine ray out")
    gpus = options.gpus_per_worker or 0
    if not 0 <= gpus < float("inf"):
        raise UsageError(f"--gpus-per-worker must be 0 or more, not {gpus:g}")
    if (gpus > 0) != (options.engine_options.device == "gpu"):
        raise UsageError("with --engine ray, --gpus-per-worker and --device gpu need each other")


def label_on_ray(
    options: argparse.Namespace,
    classifier: Classifier,
    choice: Choice,
    job: Job,
    watch: Callable[[Result], object],
) -> None:
    """Label what is planned on workers of Ray. ``watch`` gets a result for each picture."""
    # Importing Ray takes a second.
    from pictell.batch.ray_engine import Workers, connect, make_parts

    workers = Workers(
        options.workers,
        options.cpus_per_worker or 1,
        options.gpus_per_worker or 0,
        options.ray_address,
    )
    # Ray prints to stdout which machines were lost.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), connect(workers):
        make = partial(make_parts, classifier, choice, workers)
        job.run_elsewhere(make, options.part_size, watch)
