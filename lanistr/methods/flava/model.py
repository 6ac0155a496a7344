"""FLAVA as a classifier: the library's model on text and image, and a perceptron on its [CLS].

Source:
    Singh et al. 2022; transformers' FlavaModel. Deviation: where a modality is absent, the
    multimodal encoder does not attend to it; the library's forward can only do so for texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os.path import expanduser
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lanistr.batch import Batch, InputSpec
from lanistr.experiments.config import Experiment
from lanistr.methods.flava.settings import Flava as Settings
from lanistr.methods.method import Model, trained_whole
from lanistr.modality import Modality
from lanistr.models.encoders import attended
from lanistr.models.fusion import perceptron, start_at_random
from lanistr.models.image import renormalised
from lanistr.models.weights import load_parts, pretrained_config, pretrained_model, refuse, seeded

if TYPE_CHECKING:
    from transformers import FlavaModel

    from lanistr.experiments.architecture import Transformer

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
# Of a FlavaModel, what the state of the multimodal [CLS] does not depend on.
UNUSED = (
    *("image_projection", "text_projection", "logit_scale"),
    *(
        f"{part}.{name}"
        for part in ("text_model", "image_model")
        for name in ("layernorm", "pooler")
    ),
    *("image_model.embeddings.mask_token", "multimodal_model.pooler"),
)


class Flava(Model):
    """FLAVA with all its weights trained, those that nothing reads apart."""

    def __init__(self, flava: FlavaModel, head: nn.Module, pad_token_id: int):
        super().__init__()
        self.flava, self.head, self.pad_token_id = flava, head, pad_token_id
        for name, weight in flava.named_parameters():
            if name.startswith(UNUSED):
                weight.requires_grad_(False)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, or the standardised number, (B, task.outputs)."""
        return self.head(self.embed(batch))

    def embed(self, batch: Batch) -> Tensor:
        """The state of the multimodal [CLS], (B, D)."""
        image, text = self.image_states(batch), self.text_states(batch)
        flava: Any = self.flava
        tokens = [flava.image_to_mm_projection(image), flava.text_to_mm_projection(text)]
        is_token = [
            torch.ones(len(batch), 1, dtype=torch.bool, device=image.device),  # [CLS]
            batch.has(IMAGE)[:, None].expand(image.shape[:2]),
            batch.is_token & batch.has(TEXT)[:, None],
        ]
        fused = flava.multimodal_model(
            torch.cat(tokens, dim=1), attention_mask=torch.cat(is_token, dim=1)
        )
        return fused.last_hidden_state[:, 0]

    def image_states(self, batch: Batch) -> Tensor:
        """Of [CLS] and patches, (B, N, D), before the normalisation that only other uses need."""
        pixels = batch.pixels.masked_fill(~batch.has(IMAGE)[:, None, None, None], 0.0)
        return last_states(self.flava.image_model, pixel_values=renormalised(pixels))

    def text_states(self, batch: Batch) -> Tensor:
        """Of WordPieces, (B, T, D), before the normalisation that only other uses need."""
        is_token = batch.is_token & batch.has(TEXT)[:, None]
        return last_states(
            self.flava.text_model,
            input_ids=batch.tokens.masked_fill(~is_token, self.pad_token_id),
            attention_mask=attended(is_token),
        )

    def freeze(self, modalities: Iterable[Modality]) -> None:
        """Refuse: FLAVA is fine-tuned as a whole.

        Raises:
            ConfigError: there is something to freeze.
        """
        trained_whole("flava", modalities)

    def load_pretrained_part(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Take FLAVA itself from a checkpoint of this method; the head stays.

        Raises:
            WeightsError: a tensor is missing or has another shape.
        """
        return load_parts(self, state, ("flava",))


def last_states(model: nn.Module, **inputs: Tensor) -> Tensor:
    """What the last layer of one of FLAVA's encoders puts out."""
    return model(**inputs, output_hidden_states=True, return_dict=True).hidden_states[-1]


def build_flava(experiment: Experiment, spec: InputSpec) -> Flava:
    """FLAVA with LANISTR's head.

    Raises:
        WeightsError: pretrained weights that are missing or of other sizes.
    """
    with seeded("flava"):
        flava = flava_model(experiment, spec)
    with seeded("head"):
        width = experiment.fusion.hidden
        head = perceptron(width, width, spec.outputs)
    return Flava(flava, head, spec.pad_token_id)


def flava_model(experiment: Experiment, spec: InputSpec) -> FlavaModel:
    """The library's model in the sizes of our encoders and fusion."""
    from transformers import FlavaConfig, FlavaModel

    sizes = experiment.encoders
    image = {"image_size": spec.image_px, "patch_size": sizes.image.patch_px}
    parts: dict[str, Any] = {
        "text_config": name_sizes(sizes.text) | {"vocab_size": spec.vocab_size},
        "image_config": name_sizes(sizes.image) | image,
        "multimodal_config": name_sizes(experiment.fusion),
    }
    settings = experiment.section(Settings)
    if settings.pretrained is None:
        parts["text_config"] |= {
            "pad_token_id": spec.pad_token_id,
            "max_position_embeddings": spec.max_tokens,
        }
        flava = FlavaModel(FlavaConfig(**parts))
        start_at_random(flava.multimodal_model.cls_token)
        start_at_random(flava.image_model.embeddings.cls_token)
        return flava
    source = expanduser(settings.pretrained)
    config = pretrained_config(FlavaConfig, source, "flava", {})
    problems = [
        f"{part}.{name}: found {found}, expected {wanted}"
        for part, ours in parts.items()
        for name, wanted in ours.items()
        if (found := getattr(getattr(config, part), name)) != wanted and "dropout" not in name
    ]
    if spec.max_tokens > (longest := config.text_config.max_position_embeddings):
        problems.append(f"longest text: found {longest} tokens, the cache has {spec.max_tokens}")
    refuse(
        f"flava.pretrained: the weights in {source} do not fit",
        problems,
        "Give encoders, fusion and the cache the sizes of the weights, or name other weights.",
    )
    return pretrained_model(FlavaModel, source, "flava", config=config, may_lack=())


def name_sizes(settings: Transformer) -> dict[str, Any]:
    """Our sizes under the library's names."""
    return {
        "hidden_size": settings.hidden,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "intermediate_size": settings.intermediate,
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.dropout,
    }
