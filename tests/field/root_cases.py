"""Roots of a few patients, and registries of a few experiments."""

import functools
import re
import tempfile
from pathlib import Path

import yaml

from tests.conftest import REPOSITORY
from tests.field.case import Seen, case, run_step
from tests.field.mimic_root import MimicRoot
from tests.workflow.running import link_sources, run_snakemake

KIND = "Small roots"


def generate_for(root: MimicRoot, folder: Path) -> Seen:
    """What the generator makes of the patients of a root."""
    options = ["--patients-of", root.mimic, "--notes", folder / "notes", "--cxr", folder / "cxr"]
    return run_step(folder, ["generate-mimic", *options])


@case(
    KIND,
    "a root of six patients, two of whom came through the emergency department",
    "read",
    "with notes and radiographs of its patients generated",
)
def six_patients(folder: Path) -> Seen:
    root = MimicRoot(folder)
    for admission in root.tables["hosp/admissions"][:2]:
        admission |= {
            "edregtime": "2150-02-01 02:00:00",
            "edouttime": admission["admittime"],
        }
    seen = generate_for(root.write(), folder)
    if seen.message is None:
        assert list((folder / "cxr/files").rglob("*.jpg"))
    return seen


@case(
    KIND,
    "a root none of whose patients can have a radiograph",
    "refused",
    "6 patients with 6 ICU stays have no radiographs of emergency patients of 2011 to 2016: ...",
)
def without_radiograph(folder: Path) -> Seen:
    return generate_for(MimicRoot(folder).write(), folder)


def plan(entries: object, *targets: str) -> str:
    """What a plan says of the default configuration with an own registry."""
    with tempfile.TemporaryDirectory() as made:
        folder = link_sources(REPOSITORY, Path(made))
        (folder / "own.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
        text: str = run_snakemake(
            folder, *targets, "-n", "--config", "registry=own.yaml", "seeds=[0]"
        ).stdout
    assert "Traceback" not in text
    return text


@case(
    KIND,
    "a registry of one experiment, without a pretraining and without the experiments that are "
    "weighed by default",
    "read",
    "as any other",
)
def one_experiment(folder: Path) -> Seen:
    entry = {"stage": "finetune", "dataset": "mimic", "modalities": ["text"]}
    text = plan({"alone": entry | {"rows": {"table1": "LANISTR"}}}, "all")
    assert set(re.findall(r"Training ([a-z0-9-]+), seed", text)) == {"alone"}
    return Seen()


@functools.cache
def refused_registry() -> str:
    """What is said of a registry that has all that is refused."""
    stays = {"stage": "finetune", "dataset": "mimic"}
    return plan(
        {
            "Mine": stays,
            "staged": {"dataset": "mimic"},
            "rowed": stays | {"rows": ["table1"]},
            "one": stays | {"init": "two"},
            "two": stays | {"init": "one"},
        }
    )


def refused(name: str) -> Seen:
    """The line about an entry."""
    lines = map(str.strip, refused_registry().splitlines())
    return Seen(next(line for line in lines if line.startswith(f"own.yaml, {name}: ")))


@case(
    KIND,
    "an experiment whose name is no name of a folder",
    "refused",
    "own.yaml, Mine: names are of small letters, digits and hyphens.",
)
def capital(folder: Path) -> Seen:
    return refused("Mine")


@case(
    KIND,
    "an experiment without a stage",
    "refused",
    "own.yaml, staged: stage is missing. Of lanistr allowed: pretrain, finetune.",
)
def no_stage(folder: Path) -> Seen:
    return refused("staged")


@case(
    KIND,
    "an experiment whose rows are a list of tables",
    "refused",
    "own.yaml, rowed: rows says which row of which table it is, such as {table1: LANISTR}.",
)
def listed_rows(folder: Path) -> Seen:
    return refused("rowed")


@case(
    KIND,
    "experiments that start from each other",
    "refused",
    "own.yaml, one: starts from two, which starts from one. Name another experiment in init of one "
    "of them, or none.",
)
def circle(folder: Path) -> Seen:
    return refused("one")
