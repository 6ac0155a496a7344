"""Each preprocessing step on its own: `python -m preprocessing SUBCOMMAND --help`."""

import logging
import sys

from commandline import command_line, run_command
from preprocessing.engine.memory import watch_memory
from preprocessing.errors import PipelineError

MIMIC, AMAZON = "preprocessing.datasets.mimic", "preprocessing.datasets.amazon"
STEPS = {
    "generate-mimic": (
        "synthetic.release:generate",
        "Generate raw dumps of MIMIC in the exact layouts; what is not named is not written",
    ),
    "generate-amazon": (
        "synthetic.amazon:generate",
        "Generate raw reviews, metadata and pictures in the exact layouts",
    ),
    "generate-control": (
        "synthetic.control:generate",
        "Generate rows on which pretraining must help, and rows on which it must not",
    ),
    "switches": (
        f"{MIMIC}.switches:table",
        "Print every switch, its value in both profiles and its meaning, as Markdown",
    ),
    "subgroups": (
        "preprocessing.audit.subgroups:write_groups",
        "Say which subgroups each test sample is of, and of which results may be told",
    ),
    "mimic-cohort": (
        f"{MIMIC}.cohort:select_cohort",
        "Choose the ICU stays, their splits and outcomes",
    ),
    "mimic-timeseries": (
        f"{MIMIC}.timeseries:extract_series",
        "Extract the first 48 hours of each stay, hour by hour",
    ),
    "mimic-images": (
        f"{MIMIC}.images:resize_radiographs",
        "Decode every radiograph once and store it small",
    ),
    "mimic-radiographs": (
        f"{MIMIC}.image_pieces:resize_piece",
        "Decode the radiographs of one part, so that parts can be made on several machines",
    ),
    "mimic-gather-images": (
        f"{MIMIC}.image_pieces:gather_pieces",
        "Write the facts and the ledger of the radiographs that mimic-radiographs decoded",
    ),
    "mimic-notes": (f"{MIMIC}.notes:clean_notes", "Clean the notes of one text source"),
    "mimic-tabular": (
        f"{MIMIC}.tabular:collect_demographics",
        "Collect the demographics known at admission",
    ),
    "mimic-samples": (
        f"{MIMIC}.samples:pair_samples",
        "Pair the modalities into samples, by identifier alone",
    ),
    "mimic-manifest": (
        f"{MIMIC}.manifest:write_manifest",
        "Say what the shards hold and where it comes from",
    ),
    "mimic-text-sources": (
        f"{MIMIC}.text_sources:write_variant",
        "Say what a text source of the same stays holds, as a variant of MIMIC",
    ),
    "amazon-fetch": (
        f"{AMAZON}.fetch:fetch_pictures",
        "Fetch pictures from the web, politely; run it again to resume",
    ),
    "amazon-reviews": (
        f"{AMAZON}.reviews:clean_reviews",
        "Read, clean, deduplicate, join and split a category's reviews",
    ),
    "amazon-text": (f"{AMAZON}.text:join_words", "Join summary and review"),
    "amazon-tabular": (
        f"{AMAZON}.tabular:encode_features",
        "Encode the six features; the encoders are fitted on training unless they are given",
    ),
    "amazon-images": (
        f"{AMAZON}.images:resize_pictures",
        "Decode every wanted picture that is on disk and store it small",
    ),
    "amazon-samples": (
        f"{AMAZON}.samples:pair_samples",
        "Pair pictures, words and columns, or say why one is absent",
    ),
    "amazon-manifest": (
        f"{AMAZON}.manifest:write_manifests",
        "Say what the shards of all categories hold and where it comes from",
    ),
    "physionet2012-rows": (
        "preprocessing.datasets.physionet2012.stays:write_rows",
        "Read the challenge's records and outcomes as rows, series and their description",
    ),
    "rows-read": (
        "preprocessing.datasets.rows.reading:read_files",
        "Read and check rows of csv or Parquet files",
    ),
    "rows-shards": (
        "preprocessing.datasets.rows.shards:write_shards",
        "Write the shards of canonical rows, with their manifest",
    ),
    "rows-init": (
        "preprocessing.datasets.rows.init:write_configuration",
        "Look at a file of rows and write a configuration to be corrected",
    ),
    "audit-leakage": (
        "preprocessing.audit.leakage.report:check_shards",
        "Look for leaks in the shards of a data set; fail at one that is not acknowledged",
    ),
    "audit-selection": (
        "preprocessing.audit.leakage.report:check_selection",
        "Look at what runs were selected on; fail at one that saw the test split",
    ),
    "merge-leakage": (
        "preprocessing.audit.leakage.report:merge_gates",
        "Put the gates of all data sets together, with what only their caches can tell",
    ),
    "gates": (
        "preprocessing.audit.leakage.gates:list_gates",
        "Print every gate with its question and whether it stops a run, as Markdown",
    ),
    "publish-audits": (
        "preprocessing.audit.publish:publish_audits",
        "Write both audits, with one decision over all counts on what is withheld",
    ),
    "audit-missingness": (
        "preprocessing.audit.missingness.report:audit_missingness",
        "Count who has which modalities; small cells are withheld, so the files may be shared",
    ),
}
"""What each step runs and what it does."""

app = command_line(STEPS, __doc__)


def main() -> int:
    """Run one subcommand; returns its exit code."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)
    with watch_memory():
        return run_command(app, PipelineError)


if __name__ == "__main__":
    sys.exit(main())
