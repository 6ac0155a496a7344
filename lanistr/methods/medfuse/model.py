"""MedFuse: an LSTM over whichever of series and radiograph a stay has, trained in stages.

First the ResNet learns the findings of radiographs and the LSTM the deaths of stays, each alone;
then both go on together under the LSTM that fuses them.

Source:
    Hayat et al. 2022 and its code. Deviations of that code: a class has a logit each and the loss
    is the cross entropy, which for two classes is the same as one logit and its binary cross
    entropy; values not measured yet are the mean, not a clinical normal value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanistr.batch import Batch, InputSpec
from lanistr.experiments.config import Experiment
from lanistr.methods.medfuse.resnet import ResNet, build_resnet
from lanistr.methods.medfuse.settings import MedFuse as Settings
from lanistr.methods.method import Model
from lanistr.modality import Modality
from lanistr.models.encoders import Freezable
from lanistr.models.weights import load_parts, seeded

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class SeriesEncoder(nn.Module):
    """A stacked LSTM over hours; the last state, zero where there is no series."""

    variable: Tensor

    def __init__(self, settings: Settings, spec: InputSpec):
        super().__init__()
        self.width = settings.series_hidden
        self.lstm = nn.LSTM(
            spec.series_values + spec.series_variables,
            self.width,
            settings.series_layers,
            batch_first=True,
        )
        for name, weight in self.lstm.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(weight)
            elif name.startswith("weight_ih"):
                nn.init.xavier_uniform_(weight)
            else:
                nn.init.zeros_(weight)
        self.dropout = nn.Dropout(settings.dropout)
        self.register_buffer("variable", torch.tensor(spec.variable_of_value), persistent=False)

    def forward(self, batch: Batch) -> Tensor:
        """Features, (B, D)."""
        present = batch.has(Modality.TIMESERIES)
        observed = batch.observed & present[:, None, None]
        values = carried_forward(batch.series, observed[..., self.variable])
        _, (states, _) = self.lstm(torch.cat([values, observed.to(values.dtype)], dim=-1))
        return self.dropout(states[-1]).masked_fill(~present[:, None], 0.0)


def carried_forward(values: Tensor, observed: Tensor) -> Tensor:
    """Each value as last measured, 0 = the mean before it first was.

    Args:
        values: normalised, (B, S, C).
        observed: True = measured in that hour, (B, S, C) bool.

    Source:
        MedFuse's imputation `previous`.

    >>> values, observed = torch.tensor([[[7.0], [3.0], [0.0]]]), torch.tensor([[[0], [1], [0]]])
    >>> carried_forward(values, observed.bool()).flatten()
    tensor([0., 3., 3.])
    """
    hours = torch.arange(values.shape[1], device=values.device)[:, None]
    last = torch.where(observed, hours, -1).cummax(dim=1).values
    return values.gather(1, last.clamp(min=0)).masked_fill(last < 0, 0.0)


class ImageEncoder(nn.Module):
    """A ResNet over the radiographs; zero where there is none."""

    mean: Tensor
    std: Tensor

    def __init__(self, resnet: ResNet, missing: Literal["skipped", "zeros"]):
        super().__init__()
        self.resnet, self.missing = resnet, missing
        self.width = resnet.width
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, batch: Batch) -> Tensor:
        """Features, (B, D)."""
        present = batch.has(Modality.IMAGE)
        if self.missing == "zeros":
            pixels = self._normalised(batch.pixels)
            pixels = pixels.masked_fill(~present[:, None, None, None], 0.0)
            return self.resnet(pixels).masked_fill(~present[:, None], 0.0)
        features = self.resnet(self._normalised(batch.pixels[present]))
        return features.new_zeros(len(batch), self.width).index_put((present,), features)

    def _normalised(self, pixels: Tensor) -> Tensor:
        """As ImageNet's, from -1 to 1 as `Batch` has them."""
        return ((pixels + 1) / 2 - self.mean) / self.std


class Stage(Model):
    """What the stages share: encoders that the next one takes over."""

    def __init__(self, encoders: Mapping[Modality, nn.Module]):
        super().__init__()
        self.encoders = Freezable(encoders)

    def freeze(self, modalities: Iterable[Modality]) -> None:
        """No gradient, no dropout and fixed statistics in these encoders from now on."""
        self.encoders.freeze(modalities)

    def load_pretrained_part(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Take the encoders from the checkpoints of earlier stages.

        Raises:
            WeightsError: a tensor is missing or has another shape.
        """
        return load_parts(self, state, ("encoders",))


class FindingsClassifier(Stage):
    """The first stage of the radiographs: what their reports state of them."""

    def __init__(self, image: ImageEncoder, findings: int):
        super().__init__({Modality.IMAGE: image})
        self.head = nn.Linear(image.width, findings)

    def forward(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """The loss `findings`; nothing is drawn from `rng`."""
        logits = self.head(self.encoders[Modality.IMAGE](batch))
        return {"findings": findings_loss(logits, batch.findings)}


def findings_loss(logits: Tensor, findings: Tensor) -> Tensor:
    """Binary cross entropy of the findings of labelled radiographs.

    Args:
        logits: (B, F).
        findings: 1 = stated, 0 = not, -1 = without labels, (B, F) int64.

    Returns:
        Scalar, nats per label; zero with a gradient of zero where there is none.

    >>> findings_loss(torch.tensor([[0.0, 0.0], [9.0, 9.0]]), torch.tensor([[1, 0], [-1, -1]]))
    tensor(0.6931)
    """
    labelled = findings >= 0
    target = findings.clamp(min=0).float()
    loss = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return loss.masked_fill(~labelled, 0.0).sum() / labelled.sum().clamp(min=1)


class SeriesClassifier(Stage):
    """The first stage of the time series: their label alone."""

    def __init__(self, series: SeriesEncoder, outputs: int):
        super().__init__({Modality.TIMESERIES: series})
        self.head = nn.Linear(series.width, outputs)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, or the standardised number, (B, task.outputs)."""
        return self.head(self.encoders[Modality.TIMESERIES](batch))


class MedFuse(Stage):
    """The second stage: an LSTM over one vector per modality, series first.

    A stay without one of them is a shorter sequence.
    """

    def __init__(
        self, series: SeriesEncoder, image: ImageEncoder, fusion_hidden: int, outputs: int
    ):
        super().__init__({Modality.IMAGE: image, Modality.TIMESERIES: series})
        self.projection = nn.Linear(image.width, series.width)
        self.fusion = nn.LSTM(series.width, fusion_hidden, batch_first=True)
        self.head = nn.Linear(fusion_hidden, outputs)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, or the standardised number, (B, task.outputs)."""
        series = self.encoders[Modality.TIMESERIES](batch)
        image = self.projection(self.encoders[Modality.IMAGE](batch))
        present = [batch.has(Modality.TIMESERIES), batch.has(Modality.IMAGE)]
        return self.head(self.fused(series, image, *present))

    def fused(self, series: Tensor, image: Tensor, has_series: Tensor, has_image: Tensor) -> Tensor:
        """The last state of the LSTM over what is there, (B, H); zero where that is nothing.

        Args:
            series: (B, D).
            image: (B, D).
            has_series: True = the first is there, (B,) bool.
            has_image: True = the second is there, (B,) bool.
        """
        first = torch.where(has_series[:, None], series, image)
        states, _ = self.fusion(torch.stack([first, image], dim=1))
        both = (has_series & has_image)[:, None]
        neither = ~(has_series | has_image)[:, None]
        return torch.where(both, states[:, 1], states[:, 0]).masked_fill(neither, 0.0)


def build_medfuse(experiment: Experiment, spec: InputSpec) -> Stage:
    """The stage of MedFuse that an experiment is.

    Raises:
        WeightsError: pretrained weights that are missing or do not fit.
    """
    settings, outputs = experiment.section(Settings), spec.outputs
    if Modality.IMAGE in experiment.modalities:
        with seeded("encoders.image"):
            image = ImageEncoder(build_resnet(settings.image), settings.missing_image)
    if Modality.TIMESERIES in experiment.modalities:
        with seeded("encoders.timeseries"):
            series = SeriesEncoder(settings, spec)
    with seeded("fusion"):
        if experiment.stage == "pretrain":
            return FindingsClassifier(image, len(spec.finding_names))
        if Modality.IMAGE in experiment.modalities:
            return MedFuse(series, image, settings.fusion_hidden, outputs)
        return SeriesClassifier(series, outputs)
