"""The positive control (docs/control.md) in seconds: its rows with less noise, and pretraining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import torch

from lanistr.batch import Batch, InputSpec
from lanistr.experiments.config import Experiment
from lanistr.methods.build import build
from lanistr.methods.lanistr.model import LANISTRForPretraining
from lanistr.modality import Modality
from lanistr.models.losses import weighted
from synthetic import control

CLASSES = 4  # those of one frequency and one shift
SERIES_NOISE = 0.3
EASIER = {
    "WORDS": 8,
    "COMMON": 4,
    "LENGTH": 10,
    "PICTURE_NOISE": 0.1,
}
MODALITIES = frozenset({Modality.TEXT, Modality.IMAGE, Modality.TIMESERIES})
CLS, SEP, MASK, FIRST = 2, 3, 4, 5
SIZE = {"hidden": 32, "layers": 1, "heads": 2, "intermediate": 64, "dropout": 0.0}
SETTINGS = {
    "name": "small",
    "stage": "pretrain",
    "dataset": "control/all",
    "modalities": sorted(MODALITIES),
    "encoders": {"text": SIZE, "image": {**SIZE, "patch_px": 8}, "timeseries": SIZE},
    "fusion": SIZE,
    "optim": {"epochs": 1, "batch_size": 64},
}


def make_rows(count: int, seed: int, *, scrambled: bool = False) -> Batch:
    """Rows that have every modality and show their class, or are scrambled: a placebo.

    The caller has set the constants of `synthetic.control` to `EASIER`.
    """
    rng = np.random.default_rng(seed)
    hidden, flags = rng.integers(CLASSES, size=count), np.full(count, scrambled)
    words = [
        [FIRST + int(word[1:]) for word in line.split()]
        for line in control.write_words(hidden, flags, rng)
    ]
    tokens = torch.tensor([[CLS, *line, SEP] for line in words])
    pixels = torch.from_numpy(control.draw_gratings(hidden, flags, rng)).float() / 127.5 - 1
    series = torch.from_numpy(control.draw_waves(hidden, flags, SERIES_NOISE, rng)).float()
    observed = torch.from_numpy(rng.random(series.shape) < control.SEEN)
    return Batch(
        sample_id=torch.arange(count),
        tokens=tokens,
        is_token=torch.ones_like(tokens, dtype=torch.bool),
        pixels=pixels[:, None].expand(-1, 3, -1, -1),
        series=series * observed,
        observed=observed,
        present=torch.tensor([[m in MODALITIES for m in Modality]]).expand(count, -1),
    )


def input_spec() -> InputSpec:
    """The shape of the rows."""
    return InputSpec(
        vocab_size=FIRST + control.WORDS * control.CLASSES + control.COMMON,
        pad_token_id=0,
        mask_token_id=MASK,
        special_token_ids=(0, 1, CLS, SEP, MASK),
        max_tokens=control.LENGTH + 2,
        image_px=control.SIDE,
        series_steps=control.STEPS,
        series_values=control.VARIABLES,
        series_variables=control.VARIABLES,
        variable_of_value=tuple(range(control.VARIABLES)),
    )


def pretrained(
    rows: Batch, objectives: Mapping[str, object], *, steps: int, seed: int = 0
) -> LANISTRForPretraining:
    """A model pretrained on rows, 64 of them a step, in eval mode."""
    experiment = Experiment.model_validate({**SETTINGS, "objectives": objectives})
    torch.manual_seed(seed)
    model = build(experiment, input_spec())
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    draws, rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    for _ in range(steps):
        losses = model(drawn(rows, draws.integers(len(rows), size=64)), rng)
        optimiser.zero_grad()
        weighted(losses, experiment.objectives).backward()
        optimiser.step()
    return model.eval()


def drawn(rows: Batch, positions: np.ndarray) -> Batch:
    """The rows at these positions."""
    return Batch(**{field.name: getattr(rows, field.name)[positions] for field in fields(Batch)})


def losses_of(model: LANISTRForPretraining, rows: Batch) -> dict[str, float]:
    """The losses of rows, without a gradient."""
    with torch.no_grad():
        found = model(rows, torch.Generator().manual_seed(1))
    return {name: float(loss) for name, loss in found.items()}
