"""Modules run for their shapes alone: nothing is multiplied, and what would be is counted.

Flags, codes and draws are computed, as control flow and shapes depend on them. Numbers are tensors
on the CPU whose memory nobody touches: a model of any size takes next to none, while autocast and
the kernels of attention are chosen as for real ones.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten
# Not marked as a view, but one.
VIEWS = (aten._unsafe_view,)
INDEXING = (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_)
# Of attention, torch counts the kernels of GPUs alone.
ATTENTION = {
    aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda query, key, value, *_, **__: sdpa_flop_count(query, key, value)
    ),
    aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda grad, query, key, value, *_, **__: sdpa_backward_flop_count(grad, query, key, value)
    ),
}


class Hollow(TorchDispatchMode):
    """Within it, operations on numbers give tensors of the right shape and nothing in them.

    Numbers that are made within are hollow, but for the draws of a given generator; what follows
    from hollow numbers is hollow, flags and codes that do are zeros.

    Attributes:
        held: bytes of the hollow tensors that are alive.
        peak: the most that there were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held = self.peak = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation for its shapes, or for real where no hollow number goes in."""
        kwargs = kwargs or {}
        inputs = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        aliases = func.is_view or func._overloadpacket in VIEWS
        if aliases or not any(each.untyped_storage() in self._known for each in inputs):
            made = func(*args, **kwargs)
            drawn = kwargs.get("generator") is not None
            if not (inputs or drawn) and isinstance(made, Tensor) and made.is_floating_point():
                self._hold(made)
            return made
        returns = func._schema.returns
        if returns and returns[0].alias_info:  # changes its first argument in place
            return args[0]
        if func._overloadpacket in INDEXING:
            places = [place for index in args[1] for place in places_of(index)]
            args = (args[0], places, *args[2:])
        args, kwargs = tree_map_only(Tensor, without_memory, (args, kwargs))
        if kwargs.get("device") is not None:
            kwargs["device"] = torch.device("meta")
        return tree_map_only(Tensor, self._like, func(*args, **kwargs))

    def _like(self, shape: Tensor) -> Tensor:
        """What stands for a result of this shape."""
        if not shape.is_floating_point():
            return torch.zeros(shape.shape, dtype=shape.dtype)
        made = torch.empty_strided(shape.shape, shape.stride(), dtype=shape.dtype)
        self._hold(made)
        return made

    def _hold(self, tensor: Tensor) -> None:
        """Take a tensor as hollow, and count its memory for as long as it lives."""
        storage = tensor.untyped_storage()
        self._known.add(storage)
        self.held += storage.nbytes()
        self.peak = max(self.peak, self.held)
        weakref.finalize(storage, self._release, storage.nbytes())

    def _release(self, size: int) -> None:
        self.held -= size


def without_memory(tensor: Tensor) -> Tensor:
    """A tensor of the same shape on the meta device."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def places_of(index: Tensor | None) -> list[Tensor | None]:
    """What stands for an index among several: of flags, the places of those that are set.

    >>> places_of(torch.tensor([False, True, True]))
    [tensor([1, 2])]
    """
    if index is None or index.dtype != torch.bool:
        return [index]
    return list(index.nonzero().unbind(dim=1))


@contextmanager
def counting() -> Iterator[FlopCounterMode]:
    """Count the floating-point operations of matrix products, two for each multiplication."""
    fast = torch.backends.mha.get_fastpath_enabled()
    # Whole LSTMs and layers in one operation would not be counted.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            torch.backends.mkldnn.flags(enabled=False, allow_tf32=None),
            FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter,
        ):
            yield counter
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
