"""Short runs on a made-up cache, and what they leave."""

import json

import torch

from lanistr.training.checkpoint import read_checkpoint
from lanistr.training.run import train
from tests.lanistr.shards import ENCODERS, experiment

CALM = {part: {**sizes, "dropout": 0.0} for part, sizes in ENCODERS.items()}  # no randomness


def run(folder, output, seed=0, workers=0, **settings):
    made = experiment(**settings)
    train(made, seed, folder, output, device="cpu", threads=1, workers=workers)
    return read_checkpoint(output / "checkpoint.safetensors")[0], history(output)


def history(output):
    return [json.loads(line) for line in (output / "history.jsonl").read_text().splitlines()]


def losses(records):
    return [{k: v for k, v in record.items() if "loss" in k} for record in records]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def optim(**changes):
    return {"lr": 3e-3, "epochs": 2, "batch_size": 16, **changes}
