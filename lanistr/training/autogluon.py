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
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import ImageFile
from torch import nn

from lanistr.batch import InputSpec
from lanistr.data.cache import open_cache
from lanistr.data.frames import IMAGE, LABEL, TEXT, frame
from lanistr.data.samples import Samples
from lanistr.data.selection import select
from lanistr.errors import ConfigError, NotInstalledError
from lanistr.evaluation.metrics import Metric, primary_of
from lanistr.experiments.config import Experiment
from lanistr.methods.autogluon.settings import AutoGluon
from lanistr.modality import Modality
from lanistr.task import Kind, Task
from lanistr.training import checkpoint
from lanistr.training.distributed import world
from lanistr.training.encoder_files import architectures, initial_weights, register_vit
from lanistr.training.fit import check_fit
from lanistr.training.objective import merit
from lanistr.training.output import write_predictions, write_run
from lanistr.training.seal import check_seal, seal

if TYPE_CHECKING:
    import pandas as pd
    from autogluon.multimodal import MultiModalPredictor
    from tensorboard.backend.event_processing.event_accumulator import ScalarEvent

FOLDER = "autogluon"  # beside the checkpoint; the predictor finds its weights by absolute path
METRICS = {
    "auroc": "roc_auc",
    "auprc": "roc_auc",
    "accuracy": "accuracy",
    "macro_f1": "f1_macro",
    "rmse": "rmse",
    "mae": "rmse",
    "r2": "r2",
}
"""What it selects by for each metric, in its own words; it cannot by AUPRC or absolute error."""


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


def problem_type(task: Task) -> str:
    """The kind of a task in AutoGluon's words.

    Raises:
        ConfigError: it has no such kind.
    """
    if task.kind == Kind.MULTILABEL:
        raise ConfigError(
            f"task: {task.name} is {task.kind}; AutoGluon's multimodal predictor learns binary, "
            "multiclass and regression. Leave the experiments of autogluon out."
        )
    return str(task.kind)


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


def hyperparameters(experiment: Experiment, device: torch.device) -> dict[str, Any]:
    """The recipe in AutoGluon's words; what it does not say is AutoGluon's default."""
    optim, gpu = experiment.optim, device.type == "cuda"
    encoders: dict[str, Modality] = {
        "categorical_mlp": Modality.TABULAR,
        "numerical_mlp": Modality.TABULAR,
        "timm_image": Modality.IMAGE,
        "hf_text": Modality.TEXT,
    }
    used = [name for name, modality in encoders.items() if modality in experiment.modalities]
    settings = {
        "hf_text.max_text_len": experiment.encoders.text.max_tokens,
        "hf_text.text_trivial_aug_maxscale": 0.0,  # else it downloads word lists
        "timm_image.train_transforms": ["resize_shorter_side", "center_crop"],
    }
    return {
        "model.names": [*used, f"fusion_{experiment.section(AutoGluon).fusion}"],
        **{f"model.{key}": v for key, v in settings.items() if key.split(".")[0] in used},
        "data.categorical.minimum_cat_count": 1,  # else rare products become one
        "env.num_gpus": int(gpu),
        "env.accelerator": "gpu" if gpu else "cpu",
        "env.strategy": "auto",
        "env.precision": "bf16-mixed" if gpu else 32,
        "env.num_workers": 0,
        "env.num_workers_inference": 0,
        "env.per_gpu_batch_size": optim.batch_size // optim.accumulate,
        "env.batch_size": optim.batch_size,
        "env.deterministic": True,
        "optim.lr": optim.lr,
        "optim.weight_decay": optim.weight_decay,
        "optim.warmup_steps": optim.warmup_share,
        "optim.gradient_clip_val": optim.clip_norm,
        "optim.lr_decay": experiment.section(AutoGluon).layer_decay,
        "optim.max_epochs": optim.epochs,
        "optim.patience": optim.stop_after or optim.epochs,
        "optim.val_check_interval": 1.0,
        "optim.top_k": 1,
        "optim.top_k_average_method": "best",
    }


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


def column_types(samples: pd.DataFrame, spec: InputSpec) -> dict[str, str]:
    """What each column of a frame is, so that AutoGluon does not guess."""
    label = "categorical" if spec.task and spec.task.chooses else "numerical"
    types = {LABEL: label, TEXT: "text", IMAGE: "image_bytearray"}
    types |= dict.fromkeys(spec.category_names, "categorical")
    types |= dict.fromkeys(spec.number_names, "numerical")
    return {name: types[name] for name in samples.columns}


def epochs(folder: Path, metric: Metric, samples: int) -> list[dict[str, Any]]:
    """A record per epoch, from the events that lightning's logger leaves.

    Args:
        folder: of the predictor.
        metric: what the task is selected by.
        samples: that an epoch learns from.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    found = {name: events.Scalars(name) for name in events.Tags()["scalars"]}
    rates = [series for name, series in found.items() if name.startswith("lr-")]
    told = METRICS[metric.name]
    shown = next(name for name, theirs in METRICS.items() if theirs == told)
    records: list[dict[str, Any]] = []
    began, since = found["hp_metric"][0].wall_time, -1
    for loss, value in zip(found["val_loss"], found[f"val_{told}"], strict=True):
        steps = [event for event in found["train_loss"] if since < event.step <= loss.step]
        seconds, since = loss.wall_time - began, loss.step
        spent = seconds - (records[-1]["seconds"] if records else 0)
        records.append(
            {
                "epoch": len(records) + 1,
                "lr": max(
                    (rate for group in rates if (rate := latest(group, loss.step))), default=0.0
                ),
                "samples_per_second": samples / spent,
                "loss": float(np.mean([event.value for event in steps])) if steps else None,
                "valid/loss": loss.value,
                f"valid/{shown}": value.value,
                "seconds": seconds,
            }
        )
    return records


def latest(events: list[ScalarEvent], step: int) -> float:
    """The value at a step or, where none was logged, the last one before; 0 before the first."""
    return next((event.value for event in reversed(events) if event.step <= step), 0.0)
