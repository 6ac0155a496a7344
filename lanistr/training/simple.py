"""The simple models of scikit-learn: every setting tried on validation, the best one kept.

They are fitted in seconds, so a run keeps its setting alone and fits again when it is asked. Of
the recipe they read nothing but their own section.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lanistr.batch import InputSpec
from lanistr.data.cache import open_cache
from lanistr.data.samples import Samples
from lanistr.data.selection import select
from lanistr.errors import ConfigError
from lanistr.evaluation.metrics import Metric, primary_of
from lanistr.experiments.config import Experiment
from lanistr.methods.features.learners import GRIDS, Rows, Setting, answer, candidates
from lanistr.methods.features.settings import Features
from lanistr.methods.features.summaries import summarise, width
from lanistr.training import checkpoint
from lanistr.training.distributed import world
from lanistr.training.fit import check_fit
from lanistr.training.output import write_predictions, write_run


def train(
    experiment: Experiment,
    seed: int,
    cache_folder: Path,
    output_dir: Path,
    *,
    predictions: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> None:
    """Choose a setting and write what every run leaves; an epoch is a setting.

    Args:
        experiment: of method features.
        seed: seed of what the trees choose from; a regression does not depend on it.
        cache_folder: made by `lanistr.data.caching.build_cache`.
        output_dir: runs/<experiment>/seed<k>.
        predictions: also write the answers for the test split.
        device: stands in the story of the run; the models are fitted on the CPU.
        threads: number of threads.

    Raises:
        ConfigError: the experiment does not fit the cache.
    """
    cache = open_cache(cache_folder)
    check_fit(experiment, cache, cache_folder)
    began = time.monotonic()
    train, valid = (select(cache, experiment, split) for split in ("train", "valid"))
    task, kind = train.spec.task, experiment.section(Features).kind
    assert task is not None  # the method has no pretraining
    metric = primary_of(task)
    with world(device, threads) as here, limit_threads(threads):
        rows = read_rows(train, experiment)
        tried = candidates(kind, task, rows, summarise(valid, experiment.modalities), seed)
        history: list[dict[str, Any]] = []
        for setting, said in tried:
            value = judged(metric, valid, said)
            told = {"epoch": len(history) + 1, **setting, f"valid/{metric.name}": value}
            history.append({**told, "seconds": time.monotonic() - began})
        selected = max(history, key=partial(worth, metric))
        chosen = {name: selected[name] for name in GRIDS[kind][0]}
        write_run(
            output_dir,
            experiment,
            seed,
            model=sized(experiment, train.spec, chosen),
            weights={
                name: torch.tensor(value, dtype=torch.float64) for name, value in chosen.items()
            },
            identity=checkpoint.run_identity(experiment, seed, cache.digest, ()),
            history=history,
            selected=selected,
            seconds=time.monotonic() - began,
            train=train,
            valid=valid,
            cache=cache,
            here=here,
        )
        if predictions:
            test = select(cache, experiment, "test")
            asked = summarise(test, experiment.modalities)
            said = answer(kind, task, chosen, rows, asked, seed)
            write_predictions(predictions, experiment, seed, test, said)


def answers_of(
    run: Path, experiment: Experiment, samples: Samples, cache_folder: Path
) -> np.ndarray:
    """What the model of a run says of each sample, (N, outputs), fitted again as it was.

    Raises:
        ConfigError: the cache is not the one that the run learned from.
    """
    kept, _, seed = checkpoint.read_checkpoint(run / "checkpoint.safetensors")
    learned = json.loads((run / "experiment.json").read_text(encoding="utf-8"))["data"]["cache"]
    if learned != samples.cache.digest:
        raise ConfigError(
            f"{run} keeps a setting and is fitted again on what it learned from; {cache_folder} "
            "holds something else. Give the cache that it was trained on."
        )
    setting = {name: float(value) for name, value in kept.items()}
    rows = read_rows(select(samples.cache, experiment, "train"), experiment)
    asked = summarise(samples, experiment.modalities)
    kind, task = experiment.section(Features).kind, samples.spec.task
    assert task is not None  # the method has no pretraining
    return answer(kind, task, setting, rows, asked, seed)


def judged(metric: Metric, samples: Samples, said: np.ndarray) -> float | None:
    """The metric over samples; None where it is not defined."""
    if not len(samples):
        return None
    value = metric.function(samples.targets, said, np.ones((1, len(samples))))[0]
    return None if np.isnan(value) else float(value)


def worth(metric: Metric, record: Mapping[str, Any]) -> float:
    """How good a setting is; where that is not known all are alike and the first is taken.

    The first has the strongest penalty, or the fewest and smallest trees.
    """
    value = record[f"valid/{metric.name}"]
    if value is None:
        return -np.inf
    return value if metric.higher_is_better else -value


def read_rows(samples: Samples, experiment: Experiment) -> Rows:
    """Features and targets of samples."""
    return Rows(summarise(samples, experiment.modalities), samples.targets)


def limit_threads(threads: int | None) -> AbstractContextManager[object]:
    """At most so many threads of the libraries below scikit-learn; None = as they are."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=threads)


def untrained(experiment: Experiment, spec: InputSpec) -> nn.Module:
    """The largest model of the experiment, for counting."""
    return sized(experiment, spec, GRIDS[experiment.section(Features).kind][-1])


def sized(experiment: Experiment, spec: InputSpec, setting: Setting) -> nn.Module:
    """As many parameters as a model has: coefficients of the features, or leaves of the trees.

    Coefficients of flags of missing features, which depend on the data, are not counted.
    """
    outputs = 1 if spec.outputs == 2 else max(spec.outputs, 1)  # one of two says it all
    if "trees" not in setting:
        return nn.Linear(width(spec, experiment.modalities), outputs)
    leaves = torch.zeros(int(setting["trees"] * setting["leaves"]), outputs)
    return nn.ParameterDict({"leaves": nn.Parameter(leaves)})
