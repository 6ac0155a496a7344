"""What is counted without computing is what computing does."""

from contextlib import nullcontext

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from lanistr.methods.build import build
from lanistr.modality import Modality
from lanistr.training import objective
from lanistr.training.hollow import Hollow, counting
from lanistr.training.work import made_up, work_of

METHODS = {
    "lanistr-pretrain": {},
    "lanistr-finetune": {"stage": "finetune"},
    "four": {"modalities": list(Modality), "objectives": {"mfm": 0.01}},
    "perceiver": {"fusion": {"kind": "perceiver", "intermediate": 40}},
    "latefusion": {"stage": "finetune", "method": "latefusion"},
    "medfuse": {
        "stage": "finetune",
        "method": "medfuse",
        "modalities": ["image", "timeseries"],
        "medfuse": {"image": {"blocks": [1, 1, 1, 1], "width": 4}, "series_hidden": 8},
    },
    "albef-pretrain": {"method": "albef", "modalities": ["text", "image"]},
    "albef-finetune": {"stage": "finetune", "method": "albef", "modalities": ["text", "image"]},
    "flava": {"stage": "finetune", "method": "flava", "modalities": ["text", "image"]},
}


def step(made, spec, size, mode):
    """One training step; returns its operations, and the bytes that backward would need."""
    torch.manual_seed(0)
    with mode:
        model = build(made, spec)
        batch = made_up(spec, size)
        saved = {}

        def keep(tensor):
            if not isinstance(tensor, torch.nn.Parameter) and tensor.is_floating_point():
                storage = tensor.untyped_storage()
                saved[storage.data_ptr()] = storage.nbytes()
            return tensor

        with counting() as counter:
            with (
                torch.autocast("cpu", torch.bfloat16),
                saved_tensors_hooks(keep, lambda kept: kept),
            ):
                terms = objective.losses(model, batch, torch.Generator(), made)
            objective.total(terms, made).backward()
    return counter.get_total_flops(), sum(saved.values())


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_lost_by_not_computing(experiment, spec, name):
    """Wrong pairs are drawn by what ALBEF says, so the draws after them differ by some words."""
    made = experiment(**{"stage": "pretrain", **METHODS[name]})
    real, hollow = (step(made, spec, 4, mode) for mode in (nullcontext(), Hollow()))
    assert hollow[0] == pytest.approx(real[0], rel=1e-4 if "albef" in name else 0)
    assert hollow[1] == pytest.approx(real[1], rel=0.05)


def test_products_are_those_that_hands_count(experiment, spec):
    """Two operations for each multiplication, thrice for training; attention's again backward."""
    made = experiment("finetune", method="latefusion", modalities=["text"])
    words, wide, inner, layers = spec.max_tokens, 16, 24, 2
    linear = layers * words * 2 * (4 * wide**2 + 2 * wide * inner)
    attention = layers * 2 * 2 * words**2 * wide
    head = 2 * (wide * 20 + 20 * 20 + 20 * spec.outputs)
    work = work_of(made, lambda _: spec)
    assert work.ask_flops == linear + attention + head
    assert work.step_flops == 3 * (linear + head) + 3.5 * attention
    assert work.keep_flops == 0


def test_frozen_encoders_are_counted_apart_and_what_they_make_is_kept(experiment, spec):
    tuned = experiment("finetune", init=["pre"])
    work = work_of(tuned, lambda _: spec, [experiment(name="pre")])
    whole = work_of(tuned.model_copy(update={"freeze": "none"}), lambda _: spec)
    assert work.keep_flops > 0 and whole.keep_flops == 0
    assert work.ask_flops + work.keep_flops == whole.ask_flops
    assert work.trained < whole.trained
    assert work.kept_bytes == {
        Modality.TEXT: 4 * 12 * 16,
        Modality.IMAGE: 4 * 17 * 16,
        Modality.TIMESERIES: 4 * 10 * 12,
    }


def test_memory_is_that_of_weights_and_grows_with_the_batch(experiment, spec):
    peaks = [
        work_of(experiment(optim={"batch_size": size}), lambda _: spec).gpu_bytes
        for size in (8, 16, 32)
    ]
    assert peaks[2] - peaks[1] == pytest.approx(2 * (peaks[1] - peaks[0]), rel=0.05)
    work = work_of(experiment(), lambda _: spec)
    assert work.gpu_bytes > 4 * 4 * work.parameters  # weights, gradients and what Adam keeps


def test_processes_share_a_batch(experiment, spec):
    alone, shared = (
        work_of(experiment(optim={"batch_size": 8}), lambda _: spec, processes=each)
        for each in (1, 2)
    )
    assert shared.batch_bytes == alone.batch_bytes // 2
    assert shared.step_flops == pytest.approx(alone.step_flops, rel=0.1)


def test_a_model_of_any_size_takes_no_memory(experiment, spec):
    size = {"hidden": 2048, "layers": 20, "heads": 16, "intermediate": 8192}
    work = work_of(
        experiment("finetune", method="latefusion", modalities=["text"], encoders={"text": size}),
        lambda _: spec,
    )
    assert work.parameters > 1e9


def test_simple_models_do_no_work_and_autogluons_count_as_late_fusion(experiment, spec):
    simple = experiment("finetune", method="features", modalities=["timeseries"])
    assert work_of(simple, lambda _: spec) is None
    pair = {"modalities": ["text", "image"]}
    trainer = experiment("finetune", method="autogluon", optim={"batch_size": 4}, **pair)
    glued = work_of(trainer, lambda _: spec, processes=3)  # which its own trainer does not use
    late = work_of(experiment("finetune", method="latefusion", **pair), lambda _: spec)
    assert glued.step_flops == late.step_flops and glued.keep_flops == 0
