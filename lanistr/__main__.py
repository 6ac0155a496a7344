"""Train, predict and report.

For your own rows: `init`, then `fit`, then `predict`. `run` makes tables and audits by the
workflow, whose steps the other commands are. `COMMAND --help` lists the options of one.
"""

import logging
import os
import sys

from commandline import command_line, run_command
from lanistr.errors import LanistrError

STEPS = {
    "run": (
        "commandline.run:run_workflow",
        "Run the workflow from any folder: targets, then options of Snakemake",
    ),
    "init": (
        "lanistr.own:describe_rows",
        "Look at a file of own rows and write a configuration to be corrected",
    ),
    "fit": (
        "lanistr.own:fit_model",
        "Train a model of own rows: shards, gates, cache, pretraining, fine-tuning, test report",
    ),
    "predict": (
        "lanistr.commands.inference:predict",
        "Predict for new rows with a model, or for every test sample of a cache with a run",
    ),
    "export": (
        "lanistr.inference.export:export",
        "Export a trained run as a folder that works on its own: weights, tokenizer, statistics",
    ),
    "embed": (
        "lanistr.inference.files:embed_rows",
        "Make one vector per row, whatever it consists of; similar rows have similar vectors",
    ),
    "nearest": (
        "lanistr.inference.neighbours:write_neighbours",
        "Find the rows of a gallery that are most like each query: any modality to any other",
    ),
    "cache": (
        "lanistr.commands.training:cache",
        "Make memory-mapped arrays of the shards: tokens, pixels, columns, series, sample index",
    ),
    "check-labels": (
        "lanistr.commands.training:check_labels",
        "Check that shards have as many samples as an experiment asks labels of",
    ),
    "train": (
        "lanistr.commands.training:train",
        "Pretrain or fine-tune; an interrupted run goes on where it stopped. "
        "Several processes: torchrun --nproc-per-node N -m lanistr train ...",
    ),
    "evaluate": (
        "lanistr.evaluation.predictions:evaluate",
        "Measure predictions over every test sample, with 95 % intervals",
    ),
    "table": (
        "lanistr.evaluation.render:write_table",
        "Make a table, one row per method: ours with interval, and published numbers beside it",
    ),
    "subgroups": (
        "lanistr.evaluation.subgroup_table:write_subgroups",
        "Make the table of results by subgroup, with the gap between groups and its interval",
    ),
    "effects": (
        "lanistr.evaluation.effects:write_effects",
        "Write what pretraining gains in a table and what its parts carry, as JSON",
    ),
    "trace": (
        "lanistr.evaluation.trace:trace",
        "Name the files behind a cell and compute its number again; exit code 1 if it differs",
    ),
    "cost": (
        "lanistr.commands.cost:cost",
        "Estimate hours, memory and disk of the trainings behind tables, from their sizes",
    ),
    "parameters": (
        "lanistr.commands.parameters:parameters",
        "Count millions of parameters beside published counts, without weights",
    ),
    "presence": (
        "lanistr.analysis.presence:presence",
        "Answer for every test sample under each subset of the modalities",
    ),
    "shapley": (
        "lanistr.analysis.shapley:shapley",
        "Compute exact Shapley values of the modalities, with 95 % intervals",
    ),
    "removal": (
        "lanistr.analysis.removal:removal",
        "Measure performance against the share of each modality removed at test time",
    ),
    "audit-vocabulary": (
        "lanistr.data.vocabulary:audit",
        "Train the tokenizer again on the training texts; fail if the cache has another one",
    ),
    "leakage-page": (
        "lanistr.report.leakage:write_page",
        "Write the leakage audit as one self-contained page",
    ),
    "missingness-page": (
        "lanistr.report.missingness:write_page",
        "Write the missingness audit as one self-contained page",
    ),
    "figures": (
        "lanistr.report.curves:write_run_figures",
        "Draw a figure per experiment, a line per seed: losses, learning rate, throughput by epoch",
    ),
    "report": (
        "lanistr.report.report:write_report",
        "Write tables, figures, audits, cohort flow and provenance of a run as one page",
    ),
}
"""What each step runs and what it does."""

app = command_line(STEPS, __doc__)


def main() -> int:
    """Run one subcommand; returns its exit code."""
    rank = os.environ.get("RANK") or os.environ.get("SLURM_PROCID", "0")
    level = logging.INFO if rank == "0" else logging.WARNING
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=level)
    return run_command(app, LanistrError)


if __name__ == "__main__":
    sys.exit(main())
