"""ALBEF from an experiment and the shape of its data."""

from __future__ import annotations

from typing import cast

from lanistr.batch import InputSpec
from lanistr.errors import ConfigError
from lanistr.experiments.config import Experiment
from lanistr.methods.albef import settings as own
from lanistr.methods.albef.model import Albef, AlbefForPrediction, AlbefForPretraining
from lanistr.methods.albef.student import CrossEncoder, Student, classifier, pretraining_heads
from lanistr.methods.parts import build_encoders
from lanistr.modality import Modality
from lanistr.models.text import TextEncoder
from lanistr.models.weights import seeded


def build_albef(experiment: Experiment, spec: InputSpec) -> Albef:
    """LANISTR's text and image encoder, half of the former's layers being the fusion.

    Raises:
        ConfigError: the widths of text and image differ.
    """
    settings, epochs = experiment.section(own.Albef), experiment.optim.epochs
    encoders = build_encoders(experiment, spec, mask_token=False)
    text = cast(TextEncoder, encoders[Modality.TEXT])
    if len(widths := set(encoders.widths().values())) > 1:
        raise ConfigError(
            f"encoders: found widths {sorted(widths)} of text and image; ALBEF compares their "
            "tokens. Give encoders.text.hidden and encoders.image.hidden the same value."
        )
    with seeded("fusion"):
        fusion = CrossEncoder(text)
    with seeded("heads"):
        if experiment.stage == "finetune":
            head = classifier(text.width, spec.outputs)
            student = Student(encoders, fusion, {"label": head})
            return AlbefForPrediction(student, settings, epochs)
        student = Student(encoders, fusion, pretraining_heads(text, settings, spec))
        return AlbefForPretraining(student, settings, epochs, experiment.objectives.text_ratio)
