"""The card of MIMIC-IV: what its shards are called, and which questions they answer.

No task names columns that may not be its input: the demographics are those known at admission, and
none of them tells death, length of stay, readmission or diagnoses by what it says. Discharge and
billing, which do, are not among them (`tabular`).
"""

from collections.abc import Mapping
from typing import Any

from preprocessing.card import Card, Noun, Place, Subgroup, Task, Unit
from preprocessing.datasets.mimic import phenotypes
from preprocessing.errors import DataContractError

TASKS = (
    Task(
        name="in_hospital_mortality",
        kind="binary",
        title="in-hospital mortality",
        classes=("survived", "died"),
    ),
    Task(name="length_of_stay", kind="regression", title="length of ICU stay", unit="hours"),
    Task(
        name="readmission_30d",
        kind="binary",
        title="readmission within 30 days",
        classes=("not readmitted", "readmitted"),
    ),
    Task(name="phenotypes", kind="multilabel", title="25 phenotypes", classes=phenotypes.names()),
)


SUBGROUPS = (
    Subgroup(column="gender", title="Sex"),
    Subgroup(column="age", title="Age", cuts=(45, 65, 80)),
    Subgroup(column="race", title="Race"),
    Subgroup(column="insurance", title="Insurance"),
    Subgroup(column="careunit", title="First care unit"),
)


def describe_mimic(answered: Mapping[str, Mapping[str, Any]]) -> Card:
    """The card of shards with these answers.

    Args:
        answered: what `samples.answered` tells of each task that training can learn.

    Raises:
        DataContractError: there is no such task.
    """
    tasks = [
        task.model_copy(update={k: v for k, v in answered[task.name].items() if k != "train"})
        for task in TASKS
        if task.name in answered
    ]
    if not tasks:
        raise DataContractError(
            "ICU stays of 48 h in training have no two answers to a task that differ: there is "
            "nothing to learn. "
            "Give more stays, or change the split's seed, shares or lists."
        )
    return Card(
        name="mimic",
        title="MIMIC-IV",
        unit=Unit(singular="patient", plural="patients", column="subject_id"),
        sample=Noun(singular="ICU stay", plural="ICU stays"),
        modalities={
            "text": Place(table="notes", key="note_id"),
            "image": Place(table="images", key="dicom_id"),
            "tabular": Place(table="tabular", key="stay_id"),
            "timeseries": Place(table="timeseries", key="stay_id"),
        },
        variants="text source",
        tasks=tuple(tasks),
        subgroups=SUBGROUPS,
        mirror=False,
        leaky="written after the outcome",
    )
