"""A model so small that a step takes milliseconds, and batches with any modality absent."""

from __future__ import annotations

import socket
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from torch import Tensor

from lanistr.batch import Batch, InputSpec
from lanistr.experiments.config import Experiment
from lanistr.methods.method import Model
from lanistr.modality import Modality
from lanistr.task import Kind, Task
from tests.lanistr import new_rows

VARIABLE_OF_VALUE = (0, 0, 0, 1, 2, 2, 3)  # 4 variables, 7 value columns
CLS, SEP, MASK = 2, 3, 4


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors are slower on several threads, and the tests run in several processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def no_network(monkeypatch):
    """Whatever opens a connection or asks for an address fails the test."""

    def refused(*arguments, **options):
        pytest.fail("the network was asked for")

    for owner, name in (
        (socket.socket, "connect"),
        (socket.socket, "connect_ex"),
        (socket, "create_connection"),
        (socket, "getaddrinfo"),
    ):
        monkeypatch.setattr(owner, name, refused)


@pytest.fixture(scope="session")
def stays(tmp_path_factory) -> tuple[Path, pl.DataFrame]:
    """A folder with a cache of stays, and its test split as new rows; only to be read."""
    return new_rows.of_stays(tmp_path_factory.mktemp("stays"))


@pytest.fixture(scope="session")
def reviews(tmp_path_factory) -> tuple[Path, pl.DataFrame]:
    """A folder with a cache of reviews, and its test split as new rows; only to be read."""
    return new_rows.of_reviews(tmp_path_factory.mktemp("reviews"))


@pytest.fixture
def spec() -> InputSpec:
    return InputSpec(
        vocab_size=50,
        pad_token_id=0,
        mask_token_id=MASK,
        special_token_ids=(0, 1, CLS, SEP, MASK),
        max_tokens=12,
        image_px=16,
        series_steps=10,
        series_values=len(VARIABLE_OF_VALUE),
        series_variables=4,
        variable_of_value=VARIABLE_OF_VALUE,
        category_names=("reviewer", "year"),
        category_sizes=(9, 5),
        identifiers=("reviewer",),
        number_names=("votes", "time"),
        task=Task("outcome", Kind.BINARY, "outcome", classes=("bad", "good")),
    )


@pytest.fixture
def experiment() -> Callable[..., Experiment]:
    """An experiment with tiny sizes; keywords override, `encoders` and the like one level deep."""

    def make(stage: str = "pretrain", **overrides) -> Experiment:
        size = {"hidden": 16, "layers": 2, "heads": 2, "intermediate": 24, "dropout": 0.0}
        parts = {
            "encoders": {
                "text": size,
                "image": {**size, "patch_px": 4},
                "tabular": {"hidden": 8, "steps": 2, "ghost_batch": 4},
                "timeseries": {**size, "hidden": 12},
            },
            "fusion": {**size, "hidden": 20},
            "objectives": {"projector_hidden": 16, "predictor_hidden": 8},
            "optim": {"epochs": 1, "batch_size": 4},
        }
        for key in parts.keys() & overrides.keys():
            parts[key] = {**parts[key], **overrides.pop(key)}
        settings = {
            "name": "tiny",
            "stage": stage,
            "dataset": "mimic",
            "modalities": ["text", "image", "timeseries"],
        }
        return Experiment.model_validate({**settings, **parts, **overrides})

    return make


@pytest.fixture
def batch(spec: InputSpec) -> Callable[..., Batch]:
    """A batch of samples with the given modalities, `"text image"` and so on; random content."""

    def make(*modalities: str, seed: int = 0) -> Batch:
        rng = torch.Generator().manual_seed(seed)
        samples = len(modalities)
        length = torch.randint(4, spec.max_tokens + 1, (samples,), generator=rng)
        length[0] = spec.max_tokens
        position = torch.arange(spec.max_tokens)
        is_token = position < length[:, None]
        tokens = torch.randint(5, spec.vocab_size, is_token.shape, generator=rng)
        tokens[:, 0] = CLS
        tokens[position == length[:, None] - 1] = SEP
        shape = (samples, spec.series_steps, spec.series_variables)
        observed = torch.rand(shape, generator=rng) < 0.7
        series = torch.randn(*shape[:2], spec.series_values, generator=rng)
        pixels = torch.rand(samples, 1, spec.image_px, spec.image_px, generator=rng) * 2 - 1
        return Batch(
            sample_id=torch.arange(samples),
            tokens=tokens.masked_fill(~is_token, spec.pad_token_id),
            is_token=is_token,
            pixels=pixels.expand(-1, 3, -1, -1),
            series=series * observed[..., list(spec.variable_of_value)],
            observed=observed,
            present=torch.tensor(
                [[m.value in names.split() for m in Modality] for names in modalities]
            ),
            target=(torch.arange(samples) % 2)[:, None].float(),
            categories=torch.stack(
                [torch.randint(size, (samples,), generator=rng) for size in spec.category_sizes],
                dim=1,
            ),
            numbers=torch.randn(samples, len(spec.number_names), generator=rng),
        )

    return make


@pytest.fixture
def with_garbage() -> Callable[[Batch], Batch]:
    """Puts nonsense into every slot of an absent modality and into every padding."""

    def spoil(samples: Batch) -> Batch:
        text, image, tabular, timeseries = (samples.has(modality) for modality in Modality)
        words = samples.is_token & text[:, None]
        no_series = ~timeseries[:, None, None]
        return replace(
            samples,
            tokens=samples.tokens.masked_fill(~words, 10**6),
            is_token=samples.is_token ^ ~text[:, None],
            pixels=samples.pixels.masked_fill(~image[:, None, None, None], torch.nan),
            series=samples.series.masked_fill(no_series, torch.inf),
            observed=samples.observed ^ no_series,
            categories=samples.categories.masked_fill(~tabular[:, None], 10**6),
            numbers=samples.numbers.masked_fill(~tabular[:, None], torch.nan),
        )

    return spoil


@pytest.fixture
def assert_garbage_is_unseen(with_garbage) -> Callable[..., None]:
    """Checks that what stands where nothing is moves no loss, gradient or buffer of a model.

    `losses` makes of a model and a batch what is learned from; unless told, the label's loss.
    """

    def label_loss(model: Model, samples: Batch) -> Tensor:
        return model.label_loss(model(samples), samples)

    def check(
        model: Model, samples: Batch, losses: Callable[[Model, Batch], Tensor] = label_loss
    ) -> None:
        seen = []
        for each in (samples, with_garbage(samples)):
            fresh = deepcopy(model)
            loss = losses(fresh, each)
            loss.sum().backward()
            learned = [loss, *(p.grad for p in fresh.parameters() if p.requires_grad)]
            assert all(value.isfinite().all() for value in learned)
            seen.append([*learned, *fresh.buffers()])
        assert all(torch.equal(clean, dirty) for clean, dirty in zip(*seen, strict=True))

    return check


@pytest.fixture
def rng() -> Callable[..., torch.Generator]:
    """A generator that starts the same each time it is asked for."""
    return lambda seed=7: torch.Generator().manual_seed(seed)
