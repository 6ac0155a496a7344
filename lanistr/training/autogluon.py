"""AutoGluon's multimodal predictor, as published, on our samples, splits and tokenizer.

It trains itself: a run that was interrupted starts anew, and its rates, batches and number of
epochs are those of the recipe, but for a decay of the rate from layer to layer, which is its own.
The same seed gives the same probabilities on a CPU.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import ImageFile
from torch import nn

from lanistr.batch import InputSpec
from lanistr.data.cache import open_cache
from lanistr.data.frames import LABEL, frame
from lanistr.data.samples import Samples
from lanistr.data.selection import select
from lanistr.errors import NotInstalledError
from lanistr.evaluation.metrics import primary_of
from lanistr.experiments.config import Experiment
from lanistr.task import Task
from lanistr.training import checkpoint
from lanistr.training.autogluon_terms import (
    METRICS,
    column_types,
    epochs,
    hyperparameters,
    problem_type,
)
from lanistr.training.distributed import world
from lanistr.training.encoder_files import architectures, initial_weights, register_vit
from lanistr.training.fit import check_fit
from lanistr.training.objective import merit
from lanistr.training.output import write_predictions, write_run
from lanistr.training.seal import check_seal, seal

if TYPE_CHECKING:
    import pandas as pd
    from autogluon.multimodal import MultiModalPredictor

FOLDER = "autogluon"  # beside the checkpoint; the predictor finds its weights by absolute path


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
    """Fit a predictor and write what every run leaves.

    Args:
        experiment: of method autogluon.
        seed: of weights, order and dropout.
        cache_folder: made by `lanistr.data.caching.build_cache`.
        output_dir: runs/<experiment>/seed<k>; the predictor stays below it.
        predictions: also write what it predicts for the test split.
        device: `auto`, `cpu` or `cuda`.
        threads: of torch.

    Raises:
        ConfigError: the experiment does not fit the cache, or the task AutoGluon.
        NotInstalledError: AutoGluon is not there.
    """
    cache = open_cache(cache_folder)
    check_fit(experiment, cache, cache_folder)
    began = time.monotonic()
    train, valid = (select(cache, experiment, split) for split in ("train", "valid"))
    task = train.spec.task
    assert task is not None  # AutoGluon has no pretraining
    metric = primary_of(task)
    problem = problem_type(task)
    with world(device, threads) as here, autogluon_class() as predictor_class:
        folder = (output_dir / FOLDER).resolve()
        shutil.rmtree(folder, ignore_errors=True)
        torch.manual_seed(seed)
        predictor = predictor_class(
            label=LABEL,
            problem_type=problem,
            eval_metric=METRICS[metric.name],
            validation_metric=METRICS[metric.name],
            path=str(folder / "predictor"),
            verbosity=0,
            enable_progress_bar=False,
            warn_if_exist=False,
        )
        learned = frame(train, cache_folder)
        predictor.fit(
            learned,
            tuning_data=frame(valid, cache_folder),
            hyperparameters={
                **initial_weights(experiment, train.spec, cache_folder, folder / "initial"),
                **hyperparameters(experiment, here.device),
            },
            column_types=column_types(learned, train.spec),
            seed=seed,
        )
        seal(folder / "predictor")
        model = predictor._learner._model  # it offers no other way to its weights
        history = epochs(folder / "predictor", metric, len(train))
        write_run(
            output_dir,
            experiment,
            seed,
            model=model,
            weights=checkpoint.detached(model.state_dict()),
            identity=checkpoint.run_identity(experiment, seed, cache.digest, ()),
            history=history,
            selected=max(history, key=partial(merit, task=task)),
            seconds=time.monotonic() - began,
            train=train,
            valid=valid,
            cache=cache,
            here=here,
        )
        if predictions:
            test = select(cache, experiment, "test")
            said = answers(predictor, frame(test, cache_folder), task)
            write_predictions(predictions, experiment, seed, test, said)


def answers_of(
    run: Path, experiment: Experiment, samples: Samples, cache_folder: Path
) -> np.ndarray:
    """What the predictor of a run says of each sample, (samples, task.outputs).

    Raises:
        WeightsError: the predictor is not of this user and machine.
    """
    folder = (run / FOLDER / "predictor").resolve()
    check_seal(folder)
    task = samples.spec.task
    assert task is not None  # AutoGluon has no pretraining
    with autogluon_class() as predictor_class:
        register_vit(experiment.encoders.image, samples.spec)
        predictor = predictor_class.load(str(folder))
        predictor.set_verbosity(0)
        predictor._learner._enable_progress_bar = False  # `load` forgets it
        return answers(predictor, frame(samples, cache_folder), task)


def answers(predictor: MultiModalPredictor, rows: pd.DataFrame, task: Task) -> np.ndarray:
    """Answers, (rows, task.outputs), with a column also for classes that it never saw."""
    if not task.chooses:
        return predictor.predict(rows, as_pandas=False).reshape(-1, 1).astype(np.float64)
    probabilities = np.zeros((len(rows), task.outputs))
    seen = predictor.class_labels.astype(int)
    probabilities[:, seen] = predictor.predict_proba(rows, as_pandas=False)
    return probabilities


@contextmanager
def autogluon_class() -> Iterator[type[MultiModalPredictor]]:
    """AutoGluon's class, without its chatter.

    Importing it lets Pillow take broken pictures for whole, in all of the process: that ends here.

    Raises:
        NotInstalledError: it is not there.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    truncated = ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from autogluon.multimodal import MultiModalPredictor
        except ImportError as error:
            raise NotInstalledError(
                f"AutoGluon is not installed ({error}). Install the extra: "
                "pip install 'lanistr[autogluon]', or leave its experiments out."
            ) from None
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        # only now, as importing resets some of them
        for name in ("lightning.pytorch", "lightning.fabric", "autogluon", "timm", "tensorboard"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield MultiModalPredictor
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = truncated


def untrained(experiment: Experiment, spec: InputSpec) -> nn.Module:
    """The model that AutoGluon would fit, with random weights where the recipe names others.

    For counting: of a category's values it keeps the most frequent in training and one for the
    rest, here as many as the data can have. timm's encoders cannot be built on the meta device.
    """
    with autogluon_class(), TemporaryDirectory() as folder:
        from autogluon.multimodal.models.utils import create_fusion_model
        from autogluon.multimodal.utils import get_config

        settings = get_config(
            overrides={
                **architectures(experiment, spec, Path(folder)),
                **hyperparameters(experiment, torch.device("cpu")),
            }
        )
        most = settings.data.categorical.maximum_num_cat + 1
        sizes = zip(spec.category_names, spec.category_sizes, strict=True)
        return create_fusion_model(
            settings,
            num_classes=spec.outputs,
            num_numerical_columns=len(spec.number_names),
            num_categories={name: min(size, most) for name, size in sizes},
            pretrained=False,
        )
