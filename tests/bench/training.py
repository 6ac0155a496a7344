"""Speed of training on generated arrays: `python -m tests.bench.training --threads 1`.

Samples per second of pretraining and fine-tuning without validation; what reading alone gives; and
fine-tuning whose frozen encoders' tokens are kept against one that encodes in every step. What is
compared runs in turns.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lanistr.batch import InputSpec
from lanistr.data.cache import SAMPLE, Cache
from lanistr.data.card import Card
from lanistr.data.samples import Samples, batches
from lanistr.experiments.config import Experiment
from lanistr.methods.build import build, parameter_counts
from lanistr.modality import Modality
from lanistr.task import Kind, Task
from lanistr.training.distributed import World, world
from lanistr.training.loop import Trainer

# Dense bfloat16, in FLOP/s. Source: NVIDIA's data sheets.
PEAKS = {"A100": 312e12, "H100": 989e12, "H200": 989e12, "L4": 121e12}

NOUN = {"singular": "sample", "plural": "samples"}
CARD = Card.model_validate(
    {
        "name": "bench",
        "title": "generated arrays",
        "unit": {**NOUN, "column": "sample_id"},
        "sample": NOUN,
        "modalities": {each: {"table": each, "key": "sample_id"} for each in Modality},
        "tasks": [Task("answer", Kind.BINARY, "answer", classes=("no", "yes"))],
    }
)
PRESENT = {Modality.TEXT: 1.0, Modality.IMAGE: 0.8, Modality.TIMESERIES: 0.5}  # as generated MIMIC


def sizes(hidden: int, layers: int, *, px: int, tokens: int, batch: int, samples: int) -> dict:
    """The inputs and the model of a case."""
    encoder = {
        "hidden": hidden,
        "layers": layers,
        "heads": hidden // 16,
        "intermediate": 2 * hidden,
    }
    calm = {**encoder, "dropout": 0.0}
    return {
        "px": px,
        "tokens": tokens,
        "samples": samples,
        "experiment": {
            "encoders": {
                "text": {**calm, "max_tokens": tokens, "vocab_size": 1000},
                "image": {**calm, "patch_px": px // 6},
                "timeseries": calm,
            },
            "fusion": calm,
            "objectives": {"projector_hidden": 2 * hidden, "predictor_hidden": hidden // 2},
            "optim": {"epochs": 3, "batch_size": batch},
        },
    }


CASES = {
    "tiny": sizes(
        64, 2, px=48, tokens=64, batch=64, samples=512
    ),  # as config/recipes/mimic-tiny.yaml
    "mid": sizes(192, 3, px=96, tokens=128, batch=32, samples=128),
}


def made_up(case: dict) -> Samples:
    """Samples with random content, texts of half to full length."""
    rng, samples = np.random.default_rng(0), case["samples"]
    px, longest, hours, values, variables = case["px"], case["tokens"], 48, 59, 17
    of_value = tuple(min(column // 3, variables - 1) for column in range(values))
    spec = InputSpec(1000, 0, 4, (0, 1, 2, 3, 4), longest, px, hours, values, variables, of_value)
    lengths = rng.integers(longest // 2, longest + 1, samples)
    records = np.zeros(samples, SAMPLE)
    records["sample_id"] = np.arange(samples)
    records["labels_row"] = np.arange(samples)
    for modality in Modality:
        there = rng.random(samples) < PRESENT.get(modality, 0)
        records[f"{modality}_row"] = np.where(there, np.arange(samples), -1)
    nothing = np.empty((0, 0))
    cache = Cache(
        spec=spec,
        card=CARD,
        text={},
        provenance={},
        digest="",
        tokens=rng.integers(5, 1000, lengths.sum()).astype(np.uint16),
        tokens_offsets=np.append(0, lengths.cumsum()),
        described_tokens=nothing,
        described_tokens_offsets=nothing,
        pixels=rng.integers(0, 256, (samples, px, px), np.uint8),
        findings=nothing,
        categories=nothing,
        numbers=nothing,
        series=rng.normal(size=(samples, hours, values)).astype(np.float32),
        observed=(rng.random((samples, hours, variables)) < 0.3).astype(np.uint8),
        samples=records,
        labels=(rng.random((samples, 1)) < 0.3).astype(np.float32),
    )
    return Samples(cache, records, spec)


def trainer(
    case: dict, stage: str, samples: Samples, here: World, folder: Path, *, features: bool
) -> Trainer:
    """A run of three epochs; in fine-tuning all encoders are frozen."""
    made = Experiment.model_validate(
        {
            "name": "bench",
            "stage": stage,
            "dataset": "mimic",
            "modalities": list(PRESENT),
            **case["experiment"],
        }
    )
    torch.manual_seed(0)
    spec = samples.cache.spec_for(made)
    model = build(made, spec)
    if stage == "finetune":
        model.freeze(made.modalities)
    return Trainer(
        made,
        model.to(here.device),
        replace(samples, spec=spec),
        replace(samples, spec=spec, records=samples.records[:32]),
        here,
        seed=0,
        folder=folder,
        identity={"features": str(features)},
        save_every=1e9,
        features=features,
    )


def epoch_seconds(run: Trainer) -> list[float]:
    """Seconds of training of each epoch but the first, which warms up."""
    run.fit()
    samples = run.steps * run.experiment.optim.batch_size
    return [samples / record["samples_per_second"] for record in run.position.history[1:]]


def step_flop(run: Trainer) -> float:
    """Floating point operations of forward and backward pass of one step, as torch counts them."""
    batch = run.read["train"].batch(np.arange(run.experiment.optim.batch_size)).to(run.world.device)
    with FlopCounterMode(display=False) as counter:
        run._backward(batch, torch.Generator())
    return float(counter.get_total_flops())


def reading(samples: Samples, batch_size: int) -> float:
    """Samples per second of one process that does nothing but read."""
    plan = list(np.arange(len(samples)).reshape(-1, batch_size))
    began = time.perf_counter()
    rounds = 3
    for _ in range(rounds):
        for _batch in batches(samples, plan):
            pass
    return rounds * len(samples) / (time.perf_counter() - began)


def utilisation(flop_per_s: float, here: World) -> tuple[float | None, str | None]:
    """Share of the device's peak, or why it is not known."""
    if here.device.type != "cuda":
        return None, "no GPU at hand; the peak of this CPU is not in any table"
    name = torch.cuda.get_device_name(here.device)
    peak = next((PEAKS[known] for known in PEAKS if known in name), None)
    return (flop_per_s / peak, None) if peak else (None, f"the peak of {name} is not in PEAKS")


def measured(case: dict, samples: Samples, here: World, folder: Path, repeats: int) -> dict:
    """One case: both stages in turns, with kept tokens and without."""
    kinds = {
        "pretrain": ("pretrain", False),
        "finetune_uncached": ("finetune", False),
        "finetune_cached": ("finetune", True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    encoding, runs = [], {}
    for repeat in range(repeats):
        for name, (stage, features) in kinds.items():
            below = folder / f"{name}{repeat}"
            runs[name] = run = trainer(case, stage, samples, here, below, features=features)
            if features:
                began = time.perf_counter()
                run._encode_once()
                encoding.append(time.perf_counter() - began)
            seconds[name] += epoch_seconds(run)
    speed_of_reading = reading(samples, case["experiment"]["optim"]["batch_size"])
    sizes = {key: case["experiment"]["encoders"]["text"][key] for key in ("hidden", "layers")}
    result: dict = {**sizes, "read_samples_per_s": round(speed_of_reading)}
    for name, run in runs.items():
        result[name] = described(run, seconds[name], speed_of_reading)
    cached, uncached = (result[f"finetune_{name}"]["epoch_s"] for name in ("cached", "uncached"))
    result["uncached_over_cached"] = round(uncached / cached, 2)
    result["encoding_once_s"] = round(statistics.median(encoding), 2)
    return result


def described(run: Trainer, seconds: list[float], speed_of_reading: float) -> dict:
    """What the epochs of one kind of run say."""
    epoch, flop = statistics.median(seconds), step_flop(run)
    speed = run.steps * run.experiment.optim.batch_size / epoch
    flop_per_s = flop * run.steps / epoch
    share, why = utilisation(flop_per_s, run.world)
    return {
        "parameters": sum(parameter_counts(run.model).values()),
        "epoch_s": round(epoch, 3),
        "epoch_s_spread": [round(min(seconds), 3), round(max(seconds), 3)],
        "samples_per_s": round(speed, 1),
        "gflop_per_step": round(flop / 1e9, 3),
        "gflop_per_s": round(flop_per_s / 1e9, 1),
        "model_flop_utilisation": share,
        "model_flop_utilisation_null_because": why,
        "read_over_need": round(speed_of_reading / speed, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    options = parser.parse_args()
    result: dict = {"bench": "training", "threads": options.threads}
    with tempfile.TemporaryDirectory() as folder, world(options.device, options.threads) as here:
        cuda = here.device.type == "cuda"
        result["device"] = torch.cuda.get_device_name(here.device) if cuda else "cpu"
        for name in options.cases:
            case, below = CASES[name], Path(folder) / name
            result[name] = measured(case, made_up(case), here, below, options.repeats)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
