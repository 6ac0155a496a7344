"""The one shape in which samples reach a model: all modalities, and which of them are real."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Protocol, Self

from lanistr.modality import Modality
from lanistr.task import Task

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class InputSpec:
    """What the data fixes about a model's inputs; read from the manifest and the cache.

    Attributes:
        vocab_size: number of WordPiece tokens.
        pad_token_id: fills up texts.
        mask_token_id: stands for a hidden token.
        special_token_ids: tokens that are never hidden, such as [CLS] and [SEP].
        max_tokens: longest text, special tokens included.
        image_px: height and width of the square images.
        series_steps: hours per stay.
        series_values: value columns per hour, one-hot categories included.
        series_variables: variables per hour, one `observed` flag each.
        variable_of_value: index of the variable that each value column belongs to.
        category_names: columns of a table that hold codes; none without tabular data.
        category_sizes: number of codes of each, those for "not recorded" and "unseen" included.
        identifiers: those of the categories that are identifiers, such as a reviewer; they get a
            learned embedding, the other categories are one-hot.
        number_names: columns of a table that hold standardised numbers.
        finding_names: what radiographs are labelled with; none without such labels.
        task: what is to be answered of a sample; None in pretraining. Its `never_inputs` are not
            among the columns.
    """

    vocab_size: int
    pad_token_id: int
    mask_token_id: int
    special_token_ids: tuple[int, ...]
    max_tokens: int
    image_px: int
    series_steps: int
    series_values: int
    series_variables: int
    variable_of_value: tuple[int, ...]
    category_names: tuple[str, ...] = ()
    category_sizes: tuple[int, ...] = ()
    identifiers: tuple[str, ...] = ()
    number_names: tuple[str, ...] = ()
    finding_names: tuple[str, ...] = ()
    task: Task | None = None

    @property
    def outputs(self) -> int:
        """Width of what a model of the task puts out; 0 without one."""
        return self.task.outputs if self.task else 0


@dataclass(frozen=True)
class Batch:
    """B samples. What fills the slot of an absent modality is never read.

    Attributes:
        sample_id: identifier within the sample index, (B,) int64.
        tokens: WordPiece ids, (B, T) int64.
        is_token: False = padding, (B, T) bool.
        pixels: normalised, (B, 3, H, W) float32; a radiograph has its grey value three times.
        series: values with train-only normalisation, 0 where unobserved, (B, S, C) float32.
        observed: True = measured in that hour, (B, S, V) bool.
        present: True = the sample has the modality, (B, len(Modality)) bool, in enum order.
        target: what is known of the task: the number of the class, 1 = has the label for each
            label, or the number in its unit; NaN = not known, (B, targets) float32.
        categories: codes, in the order of `InputSpec.category_names`, (B, K) int64.
        numbers: in units of their standard deviation, 0 where missing, in the order of
            `InputSpec.number_names`, (B, M) float32.
        findings: 1 = the radiograph's report states it, 0 = it does not, -1 = no label, in the
            order of `InputSpec.finding_names`, (B, F) int64.

    `target`, `categories`, `numbers` and `findings` need not be given; they then have no columns.
    """

    sample_id: Tensor
    tokens: Tensor
    is_token: Tensor
    pixels: Tensor
    series: Tensor
    observed: Tensor
    present: Tensor
    target: Tensor = None  # type: ignore[assignment]
    categories: Tensor = None  # type: ignore[assignment]
    numbers: Tensor = None  # type: ignore[assignment]
    findings: Tensor = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Give tables without columns to data that have none."""
        whole, real = self.tokens, self.series
        slots = {"target": real, "categories": whole, "numbers": real, "findings": whole}
        for name, like in slots.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, like.new_empty(len(self), 0))

    def __len__(self) -> int:
        return self.sample_id.shape[0]

    def has(self, modality: Modality) -> Tensor:
        """True where the sample has the modality, (B,) bool."""
        return self.present[:, modality.index]

    def has_any(self, modalities: Iterable[Modality]) -> Tensor:
        """True where the sample has at least one of the modalities, (B,) bool."""
        return self.present[:, [modality.index for modality in modalities]].any(dim=1)

    def to(self, device: torch.device | str) -> Batch:
        """The batch on a device; the only place that moves tensors."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def repeated(self, times: int) -> Batch:
        """The whole batch several times, one after the other, (times * B) samples."""
        return self._each(lambda tensor: tensor.repeat(times, *[1] * (tensor.ndim - 1)))

    def only(self, modalities: frozenset[Modality]) -> Batch:
        """The batch as if every other modality were absent."""
        kept = self.present.new_tensor([modality in modalities for modality in Modality])
        return replace(self, present=self.present & kept)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with every tensor changed."""
        return Batch(**{field.name: change(getattr(self, field.name)) for field in fields(self)})


class Source(Protocol):
    """What batches can be read from."""

    def __len__(self) -> int:
        """How many samples there are."""

    def batch(self, positions: np.ndarray) -> Batch:
        """The samples at these positions."""

    def shown(self, view: int) -> Self:
        """The same samples with another view of their images."""
