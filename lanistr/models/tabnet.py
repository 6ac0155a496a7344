"""The networks of pytorch-tabnet, mended where they would not serve here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pytorch_tabnet.tab_network import GBN, TabNetDecoder, TabNetEncoder
from torch import Tensor, nn
from torch.nn import functional

from lanistr.experiments.architecture import TabularEncoder


def tabnet_encoder(settings: TabularEncoder, widths: Sequence[int]) -> TabNetEncoder:
    """TabNet from values to decision steps.

    Args:
        settings: sizes.
        widths: number of values of each column; attention is to columns.
    """
    belongs = column_of_value(widths) == torch.arange(len(widths))[:, None]
    share = belongs / torch.tensor(widths)[:, None]
    encoder = TabNetEncoder(
        input_dim=sum(widths),
        output_dim=sum(widths),
        n_d=settings.hidden,
        n_a=settings.hidden,
        n_steps=settings.steps,
        gamma=settings.gamma,
        n_independent=settings.independent,
        n_shared=settings.shared,
        virtual_batch_size=settings.ghost_batch,
        momentum=settings.momentum,
        group_attention_matrix=share,
    )
    del encoder.group_attention_matrix  # a plain attribute would stay behind on the CPU
    encoder.register_buffer("group_attention_matrix", share, persistent=False)
    return mended(encoder)


def tabnet_decoder(settings: TabularEncoder, values: int) -> TabNetDecoder:
    """TabNet from decision steps back to values, with one gated layer of each kind."""
    return mended(
        TabNetDecoder(
            input_dim=values,
            n_d=settings.hidden,
            n_steps=settings.steps,
            virtual_batch_size=settings.ghost_batch,
            momentum=settings.momentum,
        )
    )


def column_of_value(widths: Sequence[int]) -> Tensor:
    """The column that each value belongs to, (P,) int64.

    >>> column_of_value([3, 1])
    tensor([0, 0, 0, 1])
    """
    return torch.cat([torch.full((width,), column) for column, width in enumerate(widths)])


class GhostNorm(nn.BatchNorm1d):
    """Batch normalisation of parts of the batch, for any number of rows.

    Fewer than two rows have no statistics and take the running ones; pytorch-tabnet fails for
    none, and for one that is left over after the last full part.
    """

    def __init__(self, width: int, momentum: float | None, rows: int | None):
        super().__init__(width, momentum=momentum)
        self.rows = rows

    def forward(self, rows: Tensor) -> Tensor:
        """Normalise (B, width), in training by parts of at least `rows` rows."""
        if not self.training or len(rows) < 2:
            return functional.batch_norm(
                rows, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        parts = len(rows) // self.rows if self.rows else 1
        return torch.cat([*map(super().forward, rows.tensor_split(max(1, parts)))])


def mended(network: Any) -> Any:
    """The network with forgiving normalisation and no parameter under two names.

    The shared layers are children of every step, and a safetensors file holds no tensor twice.
    They stay reachable there as plain attributes.
    """
    seen: set[nn.Module] = set()
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if child in seen:
                del module._modules[name]
                module.__dict__[name] = child
            elif isinstance(child, GBN):
                norm = GhostNorm(child.input_dim, child.bn.momentum, child.virtual_batch_size)
                setattr(module, name, norm)
            elif isinstance(child, nn.BatchNorm1d):
                setattr(module, name, GhostNorm(child.num_features, child.momentum, None))
            seen.add(child)
    return network
