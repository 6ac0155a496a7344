"""Whether there are as many labels as an experiment asks for."""

from __future__ import annotations

from lanistr.data.manifest import Manifest
from lanistr.errors import ConfigError
from lanistr.experiments.config import Experiment


def check_labels(experiment: Experiment, manifest: Manifest) -> None:
    """Refuse to ask for more labels than shards have samples to learn from.

    Whether an answer is known of each of these, only a cache tells: `lanistr.data.selection`.

    Raises:
        ConfigError: there are fewer.
    """
    data = experiment.data
    needed = data.require if data.train_require is None else data.train_require
    train = manifest.counts.get("finetune", {}).get("train", {})
    refuse_labels(experiment, sum(n for name, n in train.items() if needed <= {*name.split("+")}))


def refuse_labels(experiment: Experiment, there: int) -> None:
    """Refuse to ask for more labels than there are.

    Raises:
        ConfigError: there are fewer.
    """
    if experiment.data.labels and experiment.data.labels > there:
        raise ConfigError(
            f"data.labels: {experiment.name} asks for {experiment.data.labels} labeled samples of "
            f"train, where there are {there}. Ask for fewer, or leave the key out for all."
        )
