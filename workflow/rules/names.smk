"""Every name that rule files share: paths, digests, data sets, experiments, tables and seeds.

A rule file uses these and its own, so that the order of the others does not matter. Nothing here
touches data, and what depends on all data sets is a function, called when the plan is made.
"""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

# The registry is read by the code that trains from it.
from commandline.shipped import shipped
from lanistr.errors import LanistrError
from lanistr.experiments.recipes import read_mapping, read_registry

EXPERIMENT = "[a-z0-9-]+"


def told_once(read, *arguments):
    """What a reader of lanistr gives; its complaint ends the plan as one message."""
    try:
        return read(*arguments)
    except LanistrError as error:
        sys.exit(f"error: {error}")


REGISTRY_FILE = config["registry"]
REGISTRY = told_once(read_registry, shipped(REGISTRY_FILE))
TABLES = told_once(read_mapping, shipped("config/tables.yaml"))


include: "checks.smk"
include: "devices.smk"
include: "digests.smk"
include: "disk.smk"
include: "experiments.smk"
include: "refusals.smk"
include: "targets.smk"


wildcard_constraints:
    experiment=EXPERIMENT,
    seed=r"\d+",
    table="|".join(TABLES),
    data=rf"(?:{'|'.join(config['recipes'])})(?:/[^/]+)?",


# --- paths and command lines


def results(path):
    """A path below this configuration's folder."""
    return f"results/{config['name']}/{path}"


def part_names(number):
    """The file names of a table that lies in some parts."""
    return [f"part-{part:05}.parquet" for part in range(number)]


def parts(folder, number):
    """The Parquet files of a table in a folder of results; it may hold wildcards.

    Their number is a param of the rule that writes them: of params that derive from outputs
    Snakemake does not see that they changed.
    """
    return [results(f"{folder}/{name}") for name in part_names(number)]


def each(option, values):
    """The words of a command line with the option once per value.

    Options are lists of words, so that a command line quotes all that it holds with `:q`.
    """
    return [word for value in values for word in (option, str(value))]


def options(**values):
    """The words of a command line with an option per value, such as `--split-seed 0`."""
    return [
        word
        for name, value in values.items()
        for word in each(f"--{name.replace('_', '-')}", [value])
    ]


def given(path):
    """A file of the user: its content counts, not its date, and it lies where it is named."""
    return local(ancient(path))


def manifest_of(data):
    return results(f"shards/{data}/manifest.json")


def tables_of(wildcards):
    """Input function: what lies beside the manifest of a data."""
    return registration(wildcards.data).tables(wildcards.data)


def cache_of(data):
    """A folder, in one of its own: a variant's would lie in that of its data set."""
    return results(f"cache/{data}/arrays")


def gate_of(data):
    """The leakage gate of a data set, or of what holds it."""
    return results(f"interim/gates/{registration(data).gate(data)}.json")


def vocabulary_gate_of(data):
    return results(f"audit/leakage/vocabulary/{data}.json")


# --- data sets, which register themselves


@dataclasses.dataclass(frozen=True)
class Registration:
    """What the workflow knows of a data set; its own rule file tells it.

    Attributes:
        family: first part of `dataset`, section of the configuration, key of `recipes`.
        data: what the configuration has of it; a rule makes shards/<data>/manifest.json of each.
        missing: raw files that are named and not there, as text; given names of more that are
            wanted.
        keys: which keys of the configuration say where the raw files lie.
        page: what tells how to obtain and to use them.
        tables: the Parquet files of a data's shards.
        extra: further data, which only a table asks for.
        complete: whether there can be no other data than these.
        modalities: those of every data.
        tasks: what can be learned of it, by name; of some data perhaps not all.
        subgroups: columns that results are told by.
        optional: whether what asks for a modality that the data lack is left out, not refused.
        vocabulary: the data whose tokenizer serves a data; None = its own.
        gate: the data whose leakage gate covers a data.
        acknowledge: gates of a data whose findings do not stop the run, beside those of
            `leakage.acknowledge`.
        audit: input function of what the missingness audit reads beside the shards.
        audit_options: what the missingness audit is told of it, as words of its command line.
        truth: files with what was planted in generated data, for ceilings.
    """

    family: str
    data: Sequence[str]
    missing: Callable
    keys: str
    page: str
    tables: Callable
    extra: Sequence[str] = ()
    complete: bool = True
    modalities: Sequence[str] = ()
    tasks: Sequence[str] = ()
    subgroups: Sequence[str] = ()
    optional: bool = False
    vocabulary: Callable = lambda data: None
    gate: Callable = lambda data: data
    acknowledge: Callable = lambda data: []
    audit: Callable = lambda wildcards: []
    audit_options: Sequence[str] = ()
    truth: Callable = lambda: []


REGISTERED = {}


def register(family, **told):
    """Make a data set known; `Registration` says what of it."""
    REGISTERED[family] = Registration(family, **told)


def registration(data):
    return REGISTERED[data.split("/")[0]]


def data_at_hand():
    """What the configuration has of every data set that it has a recipe for."""
    return [data for family in config["recipes"] for data in REGISTERED[family].data]


def families():
    """The data sets that the configuration has without a table asking for them."""
    return [family for family in config["recipes"] if REGISTERED[family].data]


def is_at_hand(data):
    """Whether the configuration can make a data, asked for by a table or not."""
    return data.split("/")[0] in config["recipes"] and data in (
        *registration(data).data,
        *registration(data).extra,
    )


def recipe_of(data):
    """The recipe of a data set, which its variants share.

    No input of a rule: where it comes with an installation, its path differs in each environment.
    """
    family = data.split("/")[0]
    if family not in config["recipes"]:
        sys.exit(f"error: {data} needs recipes.{family} in the configuration.")
    return config["recipes"][family]


def seeds_of(data):
    """The seeds of a data set: its own, or those of all."""
    return config.get(data.split("/")[0], {}).get("seeds", config["seeds"])
