"""The card is one contract with two sides: preprocessing writes it, lanistr reads it."""

import preprocessing.card
from lanistr.data import card as read
from lanistr.modality import Modality
from lanistr.task import Kind


def fields(model):
    return {name: field.description for name, field in model.model_fields.items()}


def test_both_sides_know_the_same_keys():
    for name in ("Noun", "Unit", "Place", "Phrase"):
        assert fields(getattr(preprocessing.card, name)) == fields(getattr(read, name))
    written = fields(preprocessing.card.Card)
    del written["subgroups"]  # lanistr is told the groups themselves
    assert written == fields(read.Card)
    written = set(preprocessing.card.Task.model_fields)
    assert written == set(read.Task.__dataclass_fields__)


def test_both_sides_know_the_same_names():
    assert set(preprocessing.card.Modality.__args__) == {m.value for m in Modality}
    kinds = preprocessing.card.Task.model_fields["kind"].annotation.__args__
    assert set(kinds) == {kind.value for kind in Kind}


def test_what_is_written_is_read():
    task = preprocessing.card.Task(
        name="length_of_stay", kind="regression", title="length of stay", unit="hours", std=2.0
    )
    card = preprocessing.card.Card(
        name="icu",
        title="ICU",
        unit=preprocessing.card.Unit(singular="patient", plural="patients", column="subject_id"),
        sample=preprocessing.card.Noun(singular="stay", plural="stays"),
        modalities={"text": preprocessing.card.Place(table="notes", key="note_id")},
        tasks=(task,),
        words=(preprocessing.card.Phrase(column="votes", name="votes"),),
    )
    told = read.Card.model_validate(card.facts())
    assert told.tasks[0].unit == "hours" and told.tasks[0].outputs == told.tasks[0].targets == 1
    assert told.task(None) == told.task("length_of_stay")
    assert told.modalities[Modality.TEXT].key == "note_id"
