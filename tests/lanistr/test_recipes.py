"""Entries that are like others: completed in depth, without rows, never in a circle."""

import pytest
import yaml

from lanistr.errors import ConfigError
from lanistr.experiments.recipes import needed_for, read_registry

ENTRIES = {
    "pre": {"stage": "pretrain", "modalities": ["text", "image"], "objectives": {"mim": 2}},
    "less": {"like": "pre", "objectives": {"mlm": 0}},
    "least": {"like": "less", "modalities": ["text"], "objectives": {"mim": 1}},
    "whole": {"stage": "finetune", "init": ["pre"], "rows": {"table1": "whole"}},
    "part": {"like": "whole", "init": "less", "rows": {"table3": "part"}},
    "unseen": {"like": "whole"},
}


@pytest.fixture
def registry(tmp_path):
    def write(**entries):
        path = tmp_path / "registry.yaml"
        path.write_text(yaml.safe_dump({**ENTRIES, **entries}))
        return path

    return write


def test_an_entry_says_only_what_differs(registry):
    entries = read_registry(registry())
    assert entries["less"]["objectives"] == {"mim": 2, "mlm": 0}
    assert entries["least"]["objectives"] == {"mim": 1, "mlm": 0}
    assert (entries["least"]["stage"], entries["least"]["modalities"]) == ("pretrain", ["text"])
    assert entries["part"] == {"stage": "finetune", "init": "less", "rows": {"table3": "part"}}


def test_rows_are_an_entrys_own(registry):
    entries = read_registry(registry())
    assert "rows" not in entries["unseen"]
    assert entries["whole"]["rows"] == {"table1": "whole"}


def test_a_table_needs_its_rows_and_what_they_start_from(registry):
    entries = read_registry(registry(more={"like": "part", "rows": {"table3": "more"}}))
    assert needed_for(entries, "table3") == ["less", "more", "part"]
    assert needed_for(entries, "table4") == []


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"x": {"like": "nobody"}}, "'x' is like 'nobody', which is not there"),
        ({"x": {"like": "y"}, "y": {"like": "x"}}, "'x' is like 'x', which is like it in turn"),
    ],
)
def test_an_entry_like_none_or_itself_is_refused(registry, entries, message):
    with pytest.raises(ConfigError, match=message):
        read_registry(registry(**entries))
