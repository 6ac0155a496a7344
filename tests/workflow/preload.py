"""What a plan imports: for a process from which the tests fork Snakemake."""
# ruff: noqa: F401

import jsonschema
import snakemake.cli
import snakemake.workflow

import lanistr.evaluation.status
import lanistr.experiments.cost
import lanistr.experiments.recipes
