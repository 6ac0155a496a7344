"""What runs cost: GPU hours, memory and disk, from what one step does and how often it is done.

The rule: every sample that is trained on costs a step, every one that is validated or predicted a
forward pass, and what frozen encoders make is computed once per view. Early stopping is not
foreseen. Hours are operations over what a GPU sustains; memory and disk are formulas.
"""

from __future__ import annotations

from dataclasses import dataclass

from lanistr.batch import InputSpec
from lanistr.data.cache import SAMPLE
from lanistr.experiments.config import Experiment
from lanistr.experiments.cost import Counts, asked_about, learned_from, per_epoch
from lanistr.modality import Modality
from lanistr.training.work import MOMENTS, Work

SECONDS_PER_HOUR = 3600
NUMBER = 4  # bytes of a float32
# Of a process that has torch, its libraries and a device loaded: in main memory, and on the device.
PROCESS_BYTES, CONTEXT_BYTES = 2_000_000_000, 800_000_000
WORKERS, AHEAD = 4, 4  # reading processes of a run on a GPU, and batches that each reads ahead


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        samples: that are trained on, all epochs together.
        flops: floating-point operations, all together.
        gpu_bytes: peak memory of a device.
        host_bytes: peak main memory of a process, without mapped files.
        left_bytes: on disk, that stay.
        passing_bytes: on disk, for as long as the run goes on.
    """

    samples: int
    flops: float = 0.0
    gpu_bytes: int = 0
    host_bytes: int = PROCESS_BYTES
    left_bytes: int = 0
    passing_bytes: int = 0

    def gpu_hours(self, tflops: float) -> float:
        """Hours of one GPU, or of several together.

        Args:
            tflops: that one GPU sustains, in 10^12 operations per second.

        >>> Cost(samples=1, flops=3.6e17).gpu_hours(100)
        1.0
        """
        return self.flops / (tflops * 1e12) / SECONDS_PER_HOUR


def cost(experiment: Experiment, counts: Counts, work: Work | None) -> Cost:
    """The estimate for one run.

    Args:
        experiment: stage, epochs and what it sees.
        counts: of its dataset and stage.
        work: of a step; None = it is trained without torch, and sees its samples once.
    """
    drawn = per_epoch(experiment, counts)
    if work is None:
        return Cost(samples=drawn)
    whole, epochs = learned_from(experiment, counts), experiment.optim.epochs
    valid, test = (asked_about(experiment, counts, split) for split in ("valid", "test"))
    views = min(experiment.data.views, epochs)
    flops = epochs * (drawn * work.step_flops + valid * work.ask_flops)
    flops += test * (work.ask_flops + work.keep_flops)
    flops += (whole * views + valid) * work.keep_flops
    weights = NUMBER * work.parameters
    state = 2 * weights + NUMBER * MOMENTS * work.trained
    kept = sum(
        size * (whole * (views if modality is Modality.IMAGE else 1) + valid)
        for modality, size in work.kept_bytes.items()
    )
    # The weights of the selected epoch, those that a run starts from, and batches read ahead.
    copies = weights * (2 if experiment.init else 1)
    ahead = (WORKERS * AHEAD + 1) * work.batch_bytes
    return Cost(
        samples=epochs * drawn,
        flops=flops,
        gpu_bytes=CONTEXT_BYTES + work.gpu_bytes,
        host_bytes=PROCESS_BYTES + copies + ahead,
        left_bytes=weights,
        passing_bytes=2 * state + kept,  # a state is whole before the last one goes
    )


def cache_bytes(spec: InputSpec, counts: Counts, targets: int) -> int:
    """The arrays of a cache on disk, as if every text were as long as it may be.

    Args:
        spec: what the data fix about the inputs.
        counts: of all samples that the cache holds.
        targets: what is known of a sample, in numbers.
    """
    samples = counts.samples + counts.valid + counts.test
    word = 2 if spec.vocab_size <= 2**16 else 4
    described = 1 + bool(counts.rows.get(Modality.TABULAR) and spec.category_names)
    each = {
        Modality.TEXT: described * word * spec.max_tokens,
        Modality.IMAGE: counts.channels * spec.image_px**2 + len(spec.finding_names),
        Modality.TABULAR: NUMBER * (len(spec.category_names) + len(spec.number_names)),
        Modality.TIMESERIES: spec.series_steps
        * (NUMBER * spec.series_values + spec.series_variables),
    }
    tables = sum(counts.rows.get(modality, 0) * size for modality, size in each.items())
    return tables + samples * (SAMPLE.itemsize + NUMBER * targets)
