"""From a run to a folder that anyone can use: the model and what its new rows need."""

from __future__ import annotations

import logging
from pathlib import Path

from lanistr.data.cache import open_cache
from lanistr.data.processor import copy_processor
from lanistr.methods.build import build
from lanistr.training.checkpoint import read_checkpoint
from lanistr.training.fit import check_fit

log = logging.getLogger(__name__)


def export(run: Path, cache_folder: Path, folder: Path) -> None:
    """Write model.safetensors, config.json, processor.json, the tokenizer and vocabularies.

    Args:
        run: folder with checkpoint.safetensors.
        cache_folder: the cache that it was trained on.
        folder: is made if needed; `Predictor.from_pretrained` opens it.

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
    log.info("%s, seed %d: exported into %s", experiment.name, seed, folder)
