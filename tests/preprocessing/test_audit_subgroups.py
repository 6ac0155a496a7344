"""Groups of test samples, and of which of them results may be told."""

import json

import polars as pl
import pytest

from preprocessing.audit.subgroups import LIMIT, Grouped, add_groups, write_groups, write_told
from preprocessing.audit.tables import Tables
from preprocessing.card import Card
from preprocessing.datasets.rows.contents import Contents
from preprocessing.datasets.rows.description import Description
from preprocessing.datasets.rows.manifest import write_card
from preprocessing.errors import ConfigError
from tests.preprocessing import generic_shards, own_rows

CARD = Card.model_validate(
    generic_shards.make_card("sold", "cost")
    | {"subgroups": [{"column": "group", "title": "Group"}]}
)


def told_of(groups, path):
    """The groups that are told and how many are not, of those without the outcome and with it."""
    rows = [
        {"group": name, "sold": answer, "cost": 1.0}
        for name, counts in groups.items()
        for answer, count in enumerate(counts)
        for _ in range(count)
    ]
    grouped, tables = Grouped("rows", CARD, pl.DataFrame(rows)), Tables()
    add_groups(tables, grouped, [])
    write_told([grouped], tables.withheld(), path)
    ((told,),) = (each["subgroups"] for each in json.loads(path.read_text())["datasets"])
    assert all(sum(groups[each["group"]]) == each["samples"] for each in told["groups"])
    return {each["group"] for each in told["groups"]}, told["withheld"]


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ({"a": (50, 20), "b": (60, 30), "c": (70, 40)}, {"a", "b", "c"}),
        # A small group is withheld, and another, as the total is known.
        ({"a": (500, 200), "b": (40, 20), "c": (2, 1)}, {"a"}),
        # So is one of many of whom few have the outcome, or all but few.
        ({"a": (500, 200), "b": (60, 30), "c": (90, LIMIT - 1)}, {"a"}),
        ({"a": (200, 500), "b": (30, 60), "c": (LIMIT - 1, 90)}, {"a"}),
        ({"a": (5, 4), "b": (3, 2)}, set()),
        # None of an outcome is no small number.
        ({"a": (500, 200), "b": (40, 0)}, {"a", "b"}),
    ],
)
def test_a_group_is_told_where_no_count_of_it_is_small_or_follows(groups, told, tmp_path):
    assert told_of(groups, tmp_path / "told.json") == (told, len(groups) - len(told))


def plant(tables, manifest):
    """Ages from 0 to 79, and whether one is a member, known of every other row."""
    number = pl.int_range(pl.len())
    member = pl.when(number % 2 > 0).then(pl.lit("yes"))
    tables["tabular"] = tables["tabular"].with_columns(age=number % 80, member=member)
    manifest["card"]["subgroups"] = [
        {"column": "age", "title": "Age", "cuts": [40]},
        {"column": "member", "title": "Member"},
    ]


def test_groups_are_those_of_test_samples_with_bands_and_those_not_known(tmp_path):
    folder = generic_shards.write_generic(tmp_path / "shards", "sold", plant=plant)
    write_groups(folder, groups=tmp_path / "groups.parquet", told=tmp_path / "told.json")
    groups = pl.read_parquet(tmp_path / "groups.parquet")
    numbers = [n for n in range(400) if n // 2 % 5 == 4]
    assert groups["age"].to_list() == [
        "under 40" if n % 80 < 40 else "40 and over" for n in numbers
    ]
    assert groups["member"].to_list() == ["yes" if n % 2 else "not known" for n in numbers]
    (told,) = json.loads((tmp_path / "told.json").read_text())["datasets"]
    assert [
        (each["title"], [group["group"] for group in each["groups"]], each["withheld"])
        for each in told["subgroups"]
    ] == [("Age", ["under 40", "40 and over"], 0), ("Member", ["yes", "not known"], 0)]


def test_own_rows_are_told_by_categories_and_by_quarters_of_numbers(tmp_path):
    path = own_rows.write_own(tmp_path, subgroups=["colour", "size"])
    rows, contents, _ = own_rows.read_own(path)
    colour, size = write_card(Contents.model_validate(contents), rows, "rows").subgroups
    assert (colour.title, colour.cuts) == ("colour", ())
    train = rows.filter(split="train")["size"].drop_nulls()
    below = [(train < cut).mean() for cut in size.cuts]
    assert below == pytest.approx([0.25, 0.5, 0.75], abs=0.05)


def test_own_rows_are_not_told_by_what_is_no_group(tmp_path):
    path = own_rows.write_own(tmp_path, subgroups=["note"])
    with pytest.raises(ConfigError, match="subgroups: note is no column of type category or"):
        Description.read(path)
