"""Operations of a pretraining sample, this project's beside the official code's way; needs no data.

`python -m tests.bench.flops` counts them on the paper's modules for a sample that has everything,
forward and backward. The official code (google-research/lanistr at 7935f98) pads each text to 512
WordPieces, scores all of them, hands [CLS] of it to the fusion, fuses both views over every token
of every layer, and compares all fused tokens. Here a text is as long as the longest of its batch,
hidden words are scored, the fusion reads all words and its last layer makes [CLS], which alone is
compared. Both ways use the paper's sizes and two views.

Lengths: no notes of MIMIC-IV are at hand. Discharge summaries have 2,267 +- 914 tokens (270,033
of them; MIMIC-IV-Ext-BHC 1.1.0, PhysioNet, doi:10.13026/41et-8342), from which the longest of a
batch is drawn as from a normal distribution. Of reports no distribution is published: the other
lengths are for them.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lanistr.batch import Batch
from lanistr.experiments.config import Experiment
from lanistr.experiments.recipes import load_experiment
from lanistr.methods.lanistr.model import LANISTRForPretraining
from lanistr.methods.sizes import full_spec
from lanistr.models.weights import library_model
from lanistr.training import objective
from lanistr.training.hollow import Hollow, counting
from lanistr.training.work import made_up, unweighted

CONFIG = Path(__file__).resolve().parents[2] / "config"
SAMPLES = 2  # batch normalisation asks for more than one
LENGTHS = (64, 128, 256, 512)
NOTE_TOKENS = (2267, 914)  # mean and deviation
OFFICIAL = {"mlm_over": "all", "text_pooling": "cls"}


def paper() -> Experiment:
    """Pretraining on MIMIC-IV at the paper's sizes."""
    recipe = CONFIG / "recipes" / "mimic-paper.yaml"
    return load_experiment(CONFIG / "experiments.yaml", recipe, "mimic-pretrain")


def step_flops(experiment: Experiment, length: int, *, official: bool) -> float:
    """Operations of a sample in a step of pretraining, forward and backward.

    Args:
        experiment: the sizes.
        length: WordPieces that texts are padded to.
        official: as the official code goes about it.
    """
    if official:
        variants = experiment.variants.model_copy(update=OFFICIAL)
        experiment = experiment.model_copy(update={"variants": variants})
    with Hollow():
        spec = full_spec(experiment, CONFIG / "full_columns.tsv")
        model = unweighted(experiment, lambda _: spec)
        batch = made_up(replace(spec, max_tokens=length), SAMPLES)
        whole = whole_fusion(experiment) if official else None
        with counting() as counter:
            with torch.autocast("cpu", torch.bfloat16):
                terms = (
                    official_losses(model, whole, batch)
                    if official
                    else objective.losses(model, batch, torch.Generator(), experiment)
                )
            objective.total(terms, experiment).backward()
    return counter.get_total_flops() / SAMPLES


def whole_fusion(experiment: Experiment) -> torch.nn.Module:
    """FLAVA's multimodal encoder as the library has it: all tokens of all layers."""
    from transformers import FlavaMultimodalModel

    sizes = experiment.fusion.model_copy(update={"pretrained": None, "dropout": 0.0})
    return library_model(FlavaMultimodalModel, "fusion", sizes, {}, add_pooling_layer=False)


def official_losses(
    model: LANISTRForPretraining, fusion: torch.nn.Module, batch: Batch
) -> dict[str, Tensor]:
    """Two passes through encoders and fusion, each fused token compared with its twin."""
    rng = torch.Generator()
    hidden = {
        modality: encoder.hide(batch, model.objectives, rng)
        for modality, encoder in model.encoder_modules().items()
    }
    masked = model.encoders(batch, hidden)
    views = (masked, model.encoders(batch))
    fused = [fusion(model.fusion.projections(tokens)[0]).last_hidden_state for tokens in views]
    rows = torch.cat(fused).flatten(0, 1)
    same = model.similarity(rows, torch.ones(len(rows) // 2, dtype=torch.bool))
    return {**model.masked_losses(masked, batch, hidden), "mmm": same}


def longest_notes(batch_size: int) -> float:
    """Mean over batches of the WordPieces of their longest discharge summary, cut at 512."""
    drawn = np.random.default_rng(0).normal(*NOTE_TOKENS, (1000, batch_size))
    return float(drawn.clip(1, LENGTHS[-1]).max(axis=1).mean())


def main() -> None:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    experiment = paper()
    official = step_flops(experiment, LENGTHS[-1], official=True)
    ours = {length: step_flops(experiment, length, official=False) for length in LENGTHS}
    batch_size = experiment.optim.batch_size
    result = {
        "bench": "flops",
        "gflop_per_sample": {length: round(count / 1e9, 1) for length, count in ours.items()},
        "gflop_per_sample_official": round(official / 1e9, 1),
        "official_over_ours": {length: round(official / n, 2) for length, n in ours.items()},
        f"longest_of_{batch_size}_discharge_summaries": round(longest_notes(batch_size), 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
