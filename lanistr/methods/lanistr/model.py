"""LANISTR: encoders, fusion, and what is learned on top.

Shapes: B samples; N tokens of a modality; D the width of the fusion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanistr.batch import Batch, InputSpec
from lanistr.experiments.config import Experiment
from lanistr.experiments.objectives import OBJECTIVE_MODALITY
from lanistr.methods.build import Origin
from lanistr.methods.method import Model
from lanistr.methods.parts import AnyFusion, build_encoders, build_fusion, build_masking_heads
from lanistr.modality import Modality
from lanistr.models.encoders import Encoder, Encoders, Tokens
from lanistr.models.forecast import ForecastHead, before, draw_cut
from lanistr.models.fusion import SimilarityHead, perceptron
from lanistr.models.masking import hide_modalities
from lanistr.models.variants import add_stand_ins
from lanistr.models.weights import load_parts, seeded


class LANISTR(Model):
    """What pretraining and fine-tuning share: the encoders and the fusion."""

    def __init__(self, encoders: Encoders, fusion: AnyFusion, origin: Origin):
        super().__init__()
        self.encoders = encoders
        self.fusion = fusion
        self.origin = origin

    def encode(self, batch: Batch) -> dict[Modality, Tokens]:
        """Each modality on its own."""
        return self.encoders(self.seen(batch))

    def frozen_encoders(self) -> dict[Modality, Callable[[Batch], Tokens]]:
        """The encoders whose tokens can be kept and fused later.

        None where modality dropout puts zeros in the place of what was encoded.
        """
        experiment = self.origin.experiment
        if experiment.data.modality_dropout and experiment.variants.absent != "masked":
            return {}

        def seeing(encoder: Encoder) -> Callable[[Batch], Tokens]:
            return lambda batch: encoder(self.seen(batch))

        return {m: seeing(encoder) for m, encoder in self.encoders.frozen_ones().items()}

    def seen(self, batch: Batch) -> Batch:
        """The batch as it is or, in that variant, with zeros for what is absent."""
        if self.origin.experiment.variants.absent == "masked":
            return batch
        return add_stand_ins(batch, self.encoder_modules(), self.origin.spec.pad_token_id)

    def fuse(self, tokens: Mapping[Modality, Tokens]) -> Tensor:
        """One embedding per sample of whatever it has, (B, D)."""
        return self.fusion(tokens)

    def embed(self, batch: Batch) -> Tensor:
        """Embeddings of length 1 for `retrieval.nearest`, (B, D); any modality may be absent."""
        return functional.normalize(self.fuse(self.encode(batch)).float())

    def encoder_modules(self) -> dict[Modality, Encoder]:
        """The encoders by modality."""
        return self.encoders.map_modalities()

    def freeze(self, modalities: Iterable[Modality]) -> None:
        """No gradient and no dropout in these encoders from now on."""
        self.encoders.freeze(modalities)

    def load_pretrained_part(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Take encoders, projections and fusion from a pretraining checkpoint; heads stay.

        Returns:
            Names of tensors left as they are, as the columns of its data differ: encoders that
            have such tensors must be trained, not frozen.

        Raises:
            WeightsError: a tensor is missing or has another shape.
        """
        bound = tuple(f"encoders.{start}" for start in self.encoders.bound_to_data())
        return load_parts(self, state, ("encoders", "fusion"), bound)


class LANISTRForPretraining(LANISTR):
    """LANISTR with the masking losses, the similarity loss and forecasting.

    What no loss reaches is frozen: the fusion without the similarity loss and forecasting, and
    then also the encoders without a masking loss of their own.
    """

    def __init__(
        self,
        encoders: Encoders,
        fusion: AnyFusion,
        origin: Origin,
        heads: Mapping[str, nn.Module],
        similarity: SimilarityHead | None,
        forecast: ForecastHead | None,
    ):
        super().__init__(encoders, fusion, origin)
        self.heads = nn.ModuleDict(heads)
        self.similarity = similarity
        self.forecast = forecast
        self.objectives = origin.experiment.objectives
        self.learning = set(self.encoder_modules())
        if similarity is None and forecast is None:
            self.learning = {OBJECTIVE_MODALITY[name] for name in heads}
            self.fusion.requires_grad_(False)
            self.freeze(self.encoder_modules().keys() - self.learning)

    def forward(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """The losses, for what wraps a module and calls it."""
        return self.losses(batch, rng)

    def losses(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """Hide parts of every modality, reconstruct them, and compare with the unmasked view.

        Returns:
            Unweighted scalar losses by name (`mlm`, `mim`, `mfm`, `mtm`, `mmm`, `forecast`), those
            in use.
        """
        batch = self.seen(batch)
        losses = self.losses_of_views(batch, rng) if self.heads or self.similarity else {}
        if self.forecast is not None:
            cut = draw_cut(batch, rng)
            fused = self.fuse(self.encoders(before(batch, cut)))
            losses["forecast"] = self.forecast(fused, batch, cut)
        return losses

    def losses_of_views(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """The losses of a masked view, and of its similarity to the unmasked view."""
        hidden = {
            modality: encoder.hide(batch, self.objectives, rng)
            for modality, encoder in self.encoder_modules().items()
            if modality in self.learning
        }
        if self.similarity is None:
            return self.masked_losses(self.encoders(batch, hidden), batch, hidden)

        views = self.encoders(batch.repeated(2), {m: then_nothing(h) for m, h in hidden.items()})
        masked = {modality: tokens.first(len(batch)) for modality, tokens in views.items()}
        embeddings = self.fuse(self.compared(views, batch, rng))
        return {
            **self.masked_losses(masked, batch, hidden),
            "mmm": self.similarity(embeddings, batch.has_any(views)),
        }

    def compared(
        self, views: Mapping[Modality, Tokens], batch: Batch, rng: torch.Generator
    ) -> Mapping[Modality, Tokens]:
        """What the similarity loss sees of both views: the first may lack whole modalities."""
        if not (ratio := self.objectives.modality_ratio):
            return views
        present = torch.stack([batch.has(modality) for modality in views], dim=1)
        lacking = then_nothing(hide_modalities(present, ratio, rng))
        return {
            modality: Tokens(tokens.states, tokens.is_token & ~lacking[:, number, None])
            for number, (modality, tokens) in enumerate(views.items())
        }

    def embeddings(self, batch: Batch) -> dict[str, Tensor]:
        """The fused embedding, and where the similarity loss compares it; none without that."""
        if self.similarity is None:
            return {}
        fused = self.fuse(self.encode(batch))
        return {"fused": fused, "projected": self.similarity.projector(fused)}

    def masked_losses(
        self,
        masked: Mapping[Modality, Tokens],
        batch: Batch,
        hidden: Mapping[Modality, Tensor],
    ) -> dict[str, Tensor]:
        """The loss of each modality for what its masked view does not show."""
        return {
            name: head(masked[modality], batch, hidden[modality])
            for name, head in self.heads.items()
            for modality in [OBJECTIVE_MODALITY[name]]
        }


class LANISTRForPrediction(LANISTR):
    """LANISTR with a perceptron on the fused embedding, for any task."""

    def __init__(
        self,
        encoders: Encoders,
        fusion: AnyFusion,
        origin: Origin,
        head: nn.Module,
    ):
        super().__init__(encoders, fusion, origin)
        self.head = head

    def forward(self, batch: Batch) -> Tensor:
        """Logits, or the standardised number, (B, task.outputs)."""
        return self.head(self.fuse(self.encode(batch)))


def then_nothing(hidden: Tensor) -> Tensor:
    """The flags of a masked view, followed by those of an unmasked view, (2 B, ...) bool."""
    return torch.cat([hidden, torch.zeros_like(hidden)])


def build_lanistr(
    experiment: Experiment, spec: InputSpec
) -> LANISTRForPretraining | LANISTRForPrediction:
    """LANISTR with the heads of its stage."""
    pretraining = experiment.stage == "pretrain"
    hides = pretraining and {"mim", "mmm"} & {*experiment.losses}
    encoders = build_encoders(experiment, spec, mask_token=bool(hides))
    fusion = build_fusion(encoders, experiment.fusion, experiment.variants)
    origin, hidden = Origin(experiment, spec), experiment.fusion.hidden
    if not pretraining:
        with seeded("head"):
            head = perceptron(hidden, hidden, spec.outputs)
        return LANISTRForPrediction(encoders, fusion, origin, head)
    heads = build_masking_heads(experiment, spec, encoders)
    similarity = forecast = None
    if "forecast" in experiment.losses:
        with seeded("forecast"):
            forecast = ForecastHead(hidden, spec)
    if "mmm" in experiment.losses:
        with seeded("similarity"):
            similarity = SimilarityHead(hidden, experiment.objectives)
    return LANISTRForPretraining(encoders, fusion, origin, heads, similarity, forecast)
