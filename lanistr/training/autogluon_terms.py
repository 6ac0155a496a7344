"""The recipe in AutoGluon's words, and what its logs say in ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lanistr.batch import InputSpec
from lanistr.data.frames import IMAGE, LABEL, TEXT
from lanistr.errors import ConfigError
from lanistr.evaluation.metrics import Metric
from lanistr.experiments.config import Experiment
from lanistr.methods.autogluon.settings import AutoGluon
from lanistr.modality import Modality
from lanistr.task import Kind, Task

if TYPE_CHECKING:
    import pandas as pd
    from tensorboard.backend.event_processing.event_accumulator import ScalarEvent

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
