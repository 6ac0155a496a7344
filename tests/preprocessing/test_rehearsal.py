"""Copies of raw tables are as their model, but for identifiers, which stay apart and together."""

import polars as pl
import pytest

from lanistr.__main__ import STEPS as LEARNING
from preprocessing.__main__ import STEPS as PREPROCESSING
from tests.rehearsal.__main__ import STEPS
from tests.rehearsal.copies import ranks, read, template_of, write_copies

STAYS = pl.DataFrame(
    {
        "subject_id": ["10000032", "10000032", "10039997"],
        "hadm_id": ["29079034", None, "20192635"],
        "value": ['two\nlines, "quoted"', None, "3"],
    }
)
NOTES = pl.DataFrame(
    {
        "note_id": ["10039997-RR-7", "10000032-AR-12"],
        "subject_id": ["10039997", "10000032"],
        "text": ["one", "another"],
    }
)
COPIES = 5


@pytest.fixture
def copied(tmp_path):
    """The tables five times, three times as many people as one table has."""
    known = ranks([STAYS, NOTES])
    for name, table in (("stays", STAYS), ("notes", NOTES)):
        write_copies(template_of(table, known), tmp_path / f"{name}.csv.gz", COPIES, people=3)
    return read(tmp_path / "stays.csv.gz"), read(tmp_path / "notes.csv.gz")


def test_a_copy_is_as_its_model_but_for_the_identifiers(copied):
    stays, notes = copied
    assert stays["value"].to_list() == STAYS["value"].to_list() * COPIES
    assert stays["hadm_id"].is_null().to_list() == STAYS["hadm_id"].is_null().to_list() * COPIES
    assert notes["text"].to_list() == NOTES["text"].to_list() * COPIES
    kinds = notes["note_id"].str.split("-").list.get(1).to_list()
    assert kinds == ["RR", "AR"] * COPIES


def test_people_are_the_same_in_all_tables_and_others_in_every_copy(copied):
    stays, notes = copied
    assert stays["subject_id"].n_unique() == 2 * 3 and stays["hadm_id"].n_unique() == 2 * 3 + 1
    assert set(stays["subject_id"]) == set(notes["subject_id"])
    assert stays["subject_id"].str.len_chars().unique().to_list() == [8]
    # The first and the third row of a copy are of the people of its second and first note.
    assert stays["subject_id"].gather_every(3).to_list() == notes["subject_id"].to_list()[1::2]
    # People come again after three copies, rows never do.
    assert stays["subject_id"].to_list()[:6] == stays["subject_id"].to_list()[9:]
    assert notes["note_id"].n_unique() == 2 * COPIES
    assert (notes["note_id"].str.slice(0, 8) == notes["subject_id"]).all()


def test_every_step_of_the_table_is_a_command():
    assert {step for _, step, *_ in STEPS} <= PREPROCESSING.keys() | LEARNING.keys()
