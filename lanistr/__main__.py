"""Each modelling step on its own: `python -m lanistr SUBCOMMAND --help`."""

import logging
import os
import sys

from commandline import command_line
from lanistr.errors import LanistrError

TRAINING, INFERENCE, TABLES, ANALYSIS = (
    f"lanistr.commands.{group}" for group in ("training", "inference", "tables", "analysis")
)
STEPS = {
    "cache": (
        f"{TRAINING}:cache",
        "Make memory-mapped arrays of the shards: tokens, pixels, columns, series, sample index",
    ),
    "train": (
        f"{TRAINING}:train",
        "Pretrain or fine-tune; an interrupted run goes on where it stopped. "
        "Several processes: torchrun --nproc-per-node N -m lanistr train ...",
    ),
    "export": (
        f"{INFERENCE}:export",
        "Make a folder of a run that needs nothing else: weights, tokenizer, statistics, labels",
    ),
    "predict": (
        f"{INFERENCE}:predict",
        "Answer for new rows by a model, or for every test sample of a cache by a run",
    ),
    "embed": (
        f"{INFERENCE}:embed",
        "Make one vector per row, whatever it consists of; similar rows have similar vectors",
    ),
    "nearest": (
        f"{INFERENCE}:nearest",
        "Find the rows of a gallery that are most like each query: any modality to any other",
    ),
    "evaluate": (
        f"{TABLES}:evaluate",
        "Measure predictions over every test sample, with 95 % intervals",
    ),
    "table": (
        f"{TABLES}:table",
        "Make a table, one row per method: ours with interval, and published numbers beside it",
    ),
    "trace": (
        f"{TABLES}:trace",
        "Name the files behind a cell and make its number again; 1 if it differs",
    ),
    "cost": (
        f"{TABLES}:cost",
        "Estimate the GPU hours of all that a table is trained from",
    ),
    "parameters": (
        "lanistr.commands.parameters:parameters",
        "Count millions of parameters beside published counts, without weights",
    ),
    "presence": (
        f"{ANALYSIS}:presence",
        "Answer for every test sample under each subset of the modalities",
    ),
    "shapley": (
        f"{ANALYSIS}:shapley",
        "Compute exact Shapley values of the modalities, with 95 % intervals",
    ),
    "removal": (
        f"{ANALYSIS}:removal",
        "Measure performance against the share of each modality removed at test time",
    ),
    "audit-vocabulary": (
        "lanistr.commands.leakage:audit_vocabulary",
        "Train the tokenizer again on the training texts; fail if the cache has another one",
    ),
    "leakage-page": (
        "lanistr.commands.leakage:leakage_page",
        "Write the leakage audit as one self-contained page",
    ),
    "missingness-page": (
        "lanistr.commands.missingness:missingness_page",
        "Write the missingness audit as one self-contained page",
    ),
    "figures": (
        "lanistr.commands.report:figures",
        "Draw a figure per training run: losses by term, learning rate and throughput by epoch",
    ),
    "report": (
        "lanistr.commands.report:report",
        "Write tables, figures, audits, cohort flow and provenance of a run as one page",
    ),
}
"""What each step runs and what it does."""

app = command_line(STEPS, __doc__)


def main() -> int:
    """Run one subcommand; a `LanistrError` becomes one message and exit code 1."""
    rank = os.environ.get("RANK", "0")
    level = logging.INFO if rank == "0" else logging.WARNING
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=level)
    try:
        app()
    except LanistrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
