"""LateFusion: the baseline that concatenates one vector per modality."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from lanistr.batch import Batch, InputSpec
from lanistr.experiments.config import Experiment
from lanistr.methods.method import Model
from lanistr.methods.parts import build_encoders
from lanistr.modality import Modality
from lanistr.models.encoders import Encoder, Encoders, Tokens
from lanistr.models.fusion import perceptron
from lanistr.models.weights import load_parts, seeded


class LateFusion(Model):
    """The encoders of LANISTR, pooled, concatenated and classified; absent ones are zero.

    Source:
        LANISTR, baseline LateFusion of Tables 1 and 2.
    """

    def __init__(self, encoders: Encoders, head: nn.Module):
        super().__init__()
        self.encoders = encoders
        self.head = head

    def forward(self, batch: Batch) -> Tensor:
        """Logits, or the standardised number, (B, task.outputs)."""
        tokens = self.encoders(batch)
        pooled = [encoder.pooled(tokens[m]) for m, encoder in self.encoder_modules().items()]
        return self.head(torch.cat(pooled, dim=1))

    def frozen_encoders(self) -> dict[Modality, Callable[[Batch], Tokens]]:
        """The encoders whose tokens can be kept and joined later."""
        return dict(self.encoders.frozen_ones())

    def encoder_modules(self) -> dict[Modality, Encoder]:
        """The encoders by modality."""
        return self.encoders.map_modalities()

    def freeze(self, modalities: Iterable[Modality]) -> None:
        """No gradient and no dropout in these encoders from now on."""
        self.encoders.freeze(modalities)

    def load_pretrained_part(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Take the encoders from a pretraining checkpoint.

        Returns:
            Names of tensors left as they are, as the columns of its data differ.

        Raises:
            WeightsError: a tensor is missing or has another shape.
        """
        bound = tuple(f"encoders.{start}" for start in self.encoders.bound_to_data())
        return load_parts(self, state, ("encoders",), bound)


def build_latefusion(experiment: Experiment, spec: InputSpec) -> LateFusion:
    """LANISTR's encoders with a perceptron over their concatenation."""
    encoders = build_encoders(experiment, spec, mask_token=False)
    with seeded("head"):
        pooled = sum(each.pooled_width for each in encoders.map_modalities().values())
        head = perceptron(pooled, experiment.fusion.hidden, spec.outputs)
    return LateFusion(encoders, head)
