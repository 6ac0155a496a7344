"""Processes of their own for tests that kill or connect them.

They are forked from a server that has imported everything and started no thread: a fork of the
process that runs the tests would inherit locks that its threads held.
"""

import contextlib
import json
import multiprocessing
import os
import runpy
import socket
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import lanistr.commands.preload  # noqa: F401


def started(body: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """A process that runs a module-level function."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.lanistr.processes"])
    process = context.Process(target=body, args=arguments)
    process.start()
    return process


def tell_imports(command: list[str], told: Path) -> None:
    """Run a step of `lanistr`; write the names of packages imported before it and by it."""
    before = set(sys.modules)
    sys.argv = ["lanistr", *command]
    with contextlib.suppress(SystemExit):
        runpy.run_module("lanistr", run_name="__main__")
    found = [before, set(sys.modules) - before]
    told.write_text(json.dumps([sorted({name.split(".")[0] for name in each}) for each in found]))


def exit_code(process: ForkServerProcess) -> int | None:
    """How it ended; one that has not ended after a minute is killed."""
    process.join(timeout=60)
    if process.exitcode is None:
        process.kill()
    return process.exitcode


def two_ranks(body: Callable[[], None], started_by: str = "torchrun") -> list[int | None]:
    """Run a function in two processes that find each other as torchrun's do; how they ended.

    Started by srun, Slurm's variables stand for those of torchrun.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [started(_as_rank, rank, port, body, started_by) for rank in range(2)]
    return [exit_code(process) for process in ranks]


def _as_rank(rank: int, port: int, body: Callable[[], None], started_by: str) -> None:
    number = str(rank)
    told = {
        "torchrun": {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": "2"},
        "srun": {
            "SLURM_PROCID": number,
            "SLURM_LOCALID": number,
            "SLURM_STEP_NUM_TASKS": "2",
            "SLURM_STEP_NODELIST": "localhost",
            "SLURM_JOB_ID": "1",
        },
    }
    os.environ.update(told[started_by], MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    body()
