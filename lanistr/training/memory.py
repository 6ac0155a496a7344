"""Running out of memory, told with the keys that help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lanistr.errors import TrainingError
from lanistr.experiments.config import Experiment
from lanistr.modality import Modality
from lanistr.training.distributed import World

WORDS = ("out of memory", "can't allocate memory", "not enough memory")
"""How torch's errors begin to tell, on GPUs and on CPUs."""


@contextmanager
def tell_memory(experiment: Experiment, here: World) -> Iterator[None]:
    """Within it, an error for want of memory names the keys that make a step smaller.

    Raises:
        TrainingError: memory was asked for that was not there.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        told = str(error).partition("\n")[0]
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not known and not any(words in told for words in WORDS):
            raise
        raise TrainingError(advise(experiment, here, told)) from None


def advise(experiment: Experiment, here: World, told: str) -> str:
    """What ran out where, how large a step is, and the keys of the recipe that make it smaller.

    Args:
        experiment: that was trained.
        here: processes and device.
        told: what torch says.
    """
    optim, text = experiment.optim, experiment.encoders.text
    longest = f", encoders.text.max_tokens (now {text.max_tokens})"
    return (
        f"{experiment.name}: {here.device} has no memory left. {told} A step takes "
        f"{optim.batch_size // (optim.accumulate * here.size)} samples at once: "
        f"optim.batch_size {optim.batch_size}, over {here.size} processes and {optim.accumulate} "
        "micro-batches. Raise optim.accumulate first, which leaves the batch as it is; then lower "
        f"optim.batch_size{longest if Modality.TEXT in experiment.modalities else ''}, or train on "
        "more GPUs (engine.gpus)."
    )
