"""From a run to a folder that anyone can use: the model and what its new rows need."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from typer import Option

from lanistr.data.cache import open_cache
from lanistr.data.processor import copy_processor
from lanistr.evaluation.finetuned import write_finetuned
from lanistr.methods.build import build
from lanistr.options import CacheDir, OnDevice, RunDir, Threads
from lanistr.training.checkpoint import read_checkpoint
from lanistr.training.distributed import world
from lanistr.training.fit import check_fit
from lanistr.training.predict import describe_finetuning

log = logging.getLogger(__name__)


def export(
    run: RunDir,
    cache_folder: CacheDir,
    folder: Annotated[Path, Option("--output-dir", help="Folder of the model to write")],
    *,
    device: OnDevice = "auto",
    threads: Threads = None,
) -> None:
    """Write model.safetensors, config.json, processor.json, the tokenizer and vocabularies.

    Of a fine-tuned model also finetuned.json: the patterns of modalities that it was shown, and the
    temperature of its probabilities, for which it is asked about the validation split.

    Raises:
        WeightsError: not a run.
        ConfigError: the cache is of another dataset or tokenizer, or the model is AutoGluon's.
        DataContractError: the cache does not hold what new rows need.
    """
    weights, experiment, seed = read_checkpoint(run / "checkpoint.safetensors")
    cache = open_cache(cache_folder)
    check_fit(experiment, cache, cache_folder)
    model = build(experiment, cache.spec_for(experiment))
    model.load_state_dict(weights)
    folder.mkdir(parents=True, exist_ok=True)
    copy_processor(cache_folder, folder)
    model.save_pretrained(folder)
    if experiment.stage == "finetune":
        with world(device, threads) as here:
            finetuned = describe_finetuning(model.to(here.device).eval(), cache)
        write_finetuned(finetuned, folder)
        if fitted := finetuned.temperature:
            why = fitted.why_kept or f"fitted on {fitted.samples} validation samples"
            log.info("temperature of probabilities %.2f: %s", fitted.value, why)
    log.info("%s, seed %d: exported into %s", experiment.name, seed, folder)
