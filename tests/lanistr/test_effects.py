"""The control's effects as numbers: what pretraining gains, and what an ablation loses."""

import json

import pytest

from lanistr.errors import ConfigError
from lanistr.evaluation.effects import write_effects
from lanistr.evaluation.layout import Layout
from lanistr.evaluation.row import Row, Stamp, Table, write_csv


def row(name, arm, mean=None, difference=None, half=2.0):
    ends = {}
    if difference is not None:
        ends = {"difference_low": difference - half, "difference_high": difference + half}
    numbers = {"mean": mean, "difference": difference, **ends}
    return Row(name, "ok", "experiment", arm, "auroc", **numbers)


def effects(folder, *rows):
    stamp = Stamp("smoke", "corrected", "none", False, "0123", subjects="rows")
    layout = Layout(title="Control", data="arms")
    write_csv(folder / "control.csv", Table("control", layout, list(rows), stamp))
    write_effects(folder / "control.csv", folder / "control/control.json")
    return json.loads((folder / "control/control.json").read_text())


def test_gain_is_of_the_first_arm_and_ablations_are_of_theirs(tmp_path):
    told = effects(
        tmp_path,
        row("LANISTR", "all", 93.0),
        row("LANISTR w/o pretraining", "all", 71.0, -22.0),
        row("LANISTR", "words", 90.0),
        row("LANISTR w/o pretraining", "words", 86.0, -4.0),
        row("w/o MLM", "words", 50.0, -40.0),
        row("w/o MIM", "picture"),
    )
    first = {"scratch": 71.0, "pretrained": 93.0, "gain": 22.0, "low": 20.0, "high": 24.0}
    assert told == first | {"ablations": {"w/o MLM": 40.0, "w/o MIM": None}}


def test_a_table_without_both_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs rows LANISTR and LANISTR w/o pretraining"):
        effects(tmp_path, row("LANISTR", "all", 93.0))
