"""What a trained model says of the test split under every subset of its modalities."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
from typer import Option

from lanistr.data.cache import subsets_of
from lanistr.data.samples import ROW_FIELDS, Samples
from lanistr.modality import Modality, sort_modalities, subset_names
from lanistr.options import CacheDir, OnDevice, RunDir, Threads, Workers
from lanistr.training.distributed import world
from lanistr.training.predict import answers, read_run, seen_patterns

log = logging.getLogger(__name__)


def presence(
    run: RunDir,
    cache_folder: CacheDir,
    output: Annotated[Path, Option(help="Parquet to write, one row for each test sample")],
    *,
    device: OnDevice = "auto",
    threads: Threads = None,
    workers: Workers = 0,
) -> None:
    """Write what a run's checkpoint says when only some modalities are there, for all choices.

    Args:
        run: folder with checkpoint.safetensors.
        cache_folder: the cache that it was trained on.
        output: Parquet, one row per test sample: seed, sample_id, subject_id, label, `present`
            (what the sample has of itself, such as "text+image"), and the probabilities under
            each subset in a column named after it, "none" being the empty one.
        device: `auto`, `cpu` or `cuda`.
        threads: of torch.
        workers: reading processes.
    """
    trained = read_run(run, cache_folder)
    experiment, samples = trained.experiment, trained.test
    modalities = sort_modalities(experiment.modalities)
    with world(device, threads) as here:
        model = trained.model(here.device)
        said, present = answer_subsets(
            samples,
            modalities,
            model.task.outputs,
            lambda some: answers(model, some, workers=workers).numpy(),
        )
    names, kind = subset_names(modalities), pl.Array(pl.Float64, model.task.outputs)
    columns = zip(names, said, strict=True)
    table = pl.DataFrame(
        {
            "seed": [trained.seed] * len(samples),
            "sample_id": samples.records["sample_id"],
            "subject_id": samples.records["subject_id"],
            "label": pl.Series(samples.targets, dtype=pl.Array(pl.Float32, model.task.targets)),
            "present": [names[number] for number in present],
            **{name: pl.Series(values, dtype=kind) for name, values in columns},
        }
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "experiment": experiment.model_dump_json(),
        "task": json.dumps(asdict(model.task)),
        "data": json.dumps(samples.cache.provenance),
        "seen": json.dumps(seen_patterns(samples.cache, experiment)),
    }
    table.write_parquet(output, metadata=about)
    log.info(
        "%s, seed %d: %d samples, %d subsets",
        experiment.name,
        trained.seed,
        len(samples),
        len(names),
    )


def answer_subsets(
    samples: Samples,
    modalities: tuple[Modality, ...],
    classes: int,
    ask: Callable[[Samples], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Answers about all samples as if they had only some modalities, for every choice of these.

    A sample is asked about once with each subset of what it has; subsets that leave it the same
    share that answer to the last bit. With nothing left all samples are one and the same, so that
    is asked once.

    Args:
        samples: N, with rows -1 for what they lack.
        modalities: M, in enum order.
        classes: C.
        ask: gives the probabilities of each class for each sample, (n, C).

    Returns:
        Answers by number of the subset, (2^M, N, C); and what each sample has of itself, (N,).
    """
    present = subsets_of(samples.records, modalities)
    subsets = range(2 ** len(modalities))
    answers = np.empty((len(subsets), len(samples), classes))
    for left in subsets:
        able = np.flatnonzero(present & left == left)
        if not left:
            able = able[:1]
        kept = [modality for bit, modality in enumerate(modalities) if left >> bit & 1]
        said = np.empty((len(samples), classes))
        said[able if left else slice(None)] = ask(_with_only(samples, able, kept))
        for subset in subsets:
            here = present & subset == left
            answers[subset][here] = said[here]
    return answers, present


def _with_only(samples: Samples, positions: np.ndarray, modalities: list[Modality]) -> Samples:
    """Some of the samples, without the other modalities."""
    records = samples.records[positions]
    for modality, field in ROW_FIELDS.items():
        if modality not in modalities:
            records[field] = -1
    return replace(samples, records=records)
