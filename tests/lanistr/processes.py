"""Processes of their own for tests that kill or connect them.

They are forked from a server that has imported everything and started no thread: a fork of the
process that runs the tests would inherit locks that its threads held.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess

from transformers import BertModel, FlavaMultimodalModel, ViTModel

from lanistr.training.run import train

PRELOADED = (BertModel, FlavaMultimodalModel, ViTModel, train)


def started(body: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """A process that runs a module-level function."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.lanistr.processes"])
    process = context.Process(target=body, args=arguments)
    process.start()
    return process


def exit_code(process: ForkServerProcess) -> int | None:
    """How it ended; one that has not ended after a minute is killed."""
    process.join(timeout=60)
    if process.exitcode is None:
        process.kill()
    return process.exitcode
