"""A tiny ALBEF of either stage."""

from collections.abc import Callable

import torch

from lanistr.batch import InputSpec
from lanistr.experiments.config import Experiment
from lanistr.methods.albef.model import Albef
from lanistr.methods.build import build

SIZES = {"hidden": 16, "layers": 2, "heads": 2, "intermediate": 24, "dropout": 0.0}


def tiny_albef(experiment: Callable[..., Experiment], spec: InputSpec) -> Callable[..., Albef]:
    """Makes one, the same each time; four layers of BERT, of which two are the fusion."""

    def albef(stage: str, **changes: object) -> Albef:
        settings = {
            "method": "albef",
            "modalities": ["text", "image"],
            "albef": {"embedding": 8, "queue": 5, "momentum": 0.9},
            "encoders": {
                "text": {**SIZES, "layers": 4},
                "image": {**SIZES, "patch_px": 4},
            },
        }
        torch.manual_seed(3)
        return build(experiment(stage, **(settings | changes)), spec)

    return albef
