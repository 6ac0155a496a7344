"""The gates by name: what each asks, why it matters and what to do. The names are of the config.

A data set declares further ones in the module `gates` of its folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from preprocessing.audit.declared import find_module, list_datasets


@dataclass(frozen=True)
class Gate:
    """One way in which the answer may get into the input.

    Attributes:
        question: what the gate asks, for a reader who is no programmer.
        danger: what a finding would mean.
        remedy: what to do about one.
        stops: True if a finding stops the run unless it is acknowledged; False if it is reported.
    """

    question: str
    danger: str
    remedy: str
    stops: bool = True


SPLIT_AGAIN = "Make the shards again with one seed, one set of shares and one pair of lists."
COMPARE = "Compare every model with this figure."

GENERIC = {
    "units-in-two-splits": Gate(
        "Is any unit of the splits, such as a customer, in two of training, validation and test?",
        "The model can recognise the unit instead of what is asked.",
        SPLIT_AGAIN,
    ),
    "test-in-pretraining": Gate(
        "Has pretraining seen anything of those who are tested?",
        "Representations would be fitted to the very cases that are judged.",
        "Make the samples again: pretraining must leave the test split out. Whoever is in two "
        "variants, as products in two categories, stays: acknowledge it, or pretrain on another.",
    ),
    "selection-on-test": Gate(
        "Is any test case among the validation cases, or was a run selected on the test split?",
        "The best of many epochs on the test split is too good to be true on new patients.",
        "Select on validation cases of other patients; train the named runs again.",
    ),
    "pictures-in-two-splits": Gate(
        "Is the same picture shown in two splits?",
        "The model can remember the picture.",
        "Nothing, if few are; else split by a group that holds the copies together.",
        stops=False,
    ),
    "label-words": Gate(
        "Do the texts name the class that is asked for, better than chance would?",
        "The words are the label itself.",
        "Leave out the text column that names it, or acknowledge it where the text is known "
        "whenever a prediction is made.",
    ),
    "label-columns": Gate(
        "Does one column of the table tell the answer almost without an error?",
        "The column is the label itself, or was filled in afterwards.",
        "Leave the column out, or list it under never_inputs of the task.",
    ),
    "fitted-outside-training": Gate(
        "Was any scale or vocabulary fitted to more than the training split?",
        "The inputs would carry facts about the cases that are judged.",
        "Make the shards again; the manifest does not fit them.",
    ),
    "vocabulary-outside-training": Gate(
        "Was the tokenizer fitted to more than the training texts?",
        "Words of the texts that are judged would have tokens of their own.",
        "Remove the cache and make it again.",
    ),
    "duplicate-texts": Gate(
        "Does any text of ten words or more come again, nearly word for word, in another split?",
        "The model can remember the text and its label.",
        "Remove the copies before splitting; acknowledge it where texts are templates.",
    ),
    "modality-pattern": Gate(
        "Can the outcome be told from which modalities a case has?",
        "The model can learn who was examined instead of what was found.",
        COMPARE,
        stops=False,
    ),
    "text-length": Gate(
        "Does the length of the text predict the outcome?",
        "The model can learn how much was written instead of what.",
        COMPARE,
        stops=False,
    ),
}


@cache
def declared_gates() -> Mapping[str, Mapping[str, Gate]]:
    """The gates of each data set that declares any, by its name."""
    found = {name: find_module(name, "gates") for name in list_datasets()}
    return MappingProxyType({name: module.GATES for name, module in found.items() if module})


@cache
def every_gate() -> Mapping[str, Gate]:
    """All gates by name: the generic ones, then those of the data sets."""
    gates = dict(GENERIC)
    for own in declared_gates().values():
        gates |= own
    return MappingProxyType(gates)


def list_gates() -> str:
    """Every gate with its question and the data set that it belongs to, as Markdown."""
    rows = ["| gate | of | asks | a finding |", "|---|---|---|---|"]
    for owner, gates in {"any data set": GENERIC, **declared_gates()}.items():
        for name, gate in gates.items():
            effect = "stops the run" if gate.stops else "is reported"
            rows.append(f"| {name} | {owner} | {gate.question} | {effect} |")
    return "\n".join(rows)
