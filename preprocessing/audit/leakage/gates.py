"""The gates by name: what each asks, why it matters and what to do. The names are of the config."""

from dataclasses import dataclass


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


_SPLIT_AGAIN = "Make the shards again with one seed, one set of shares and one pair of lists."

GATES = {
    "patients-in-two-splits": Gate(
        "Is any patient in two of training, validation and test?",
        "The model can recognise the patient instead of the disease.",
        _SPLIT_AGAIN,
    ),
    "products-in-two-splits": Gate(
        "Is any product in two of training, validation and test?",
        "The model can remember how a product is rated.",
        _SPLIT_AGAIN,
    ),
    "reviewers-in-two-splits": Gate(
        "Does the same reviewer write in two splits?",
        "The model can remember how generous a reviewer is; the paper splits by product alone.",
        "Nothing, where the paper is followed; say so beside the numbers.",
        stops=False,
    ),
    "pictures-in-two-splits": Gate(
        "Is the same picture shown in two splits?",
        "The model can remember the picture.",
        "Nothing, if few are; else take the reviewers' pictures (amazon.image_source: user).",
        stops=False,
    ),
    "test-in-pretraining": Gate(
        "Has pretraining seen anything of the test patients or products?",
        "Representations would be fitted to the very cases that are judged.",
        "Make the samples again: pretraining must leave the test split out. Products that two "
        "categories share stay; acknowledge them, or pretrain on another category.",
    ),
    "selection-on-test": Gate(
        "Is any test case among the validation cases, or was a run selected on the test split?",
        "The best of many epochs on the test split is too good to be true on new patients.",
        "Select on validation cases of other patients; train the named runs again.",
    ),
    "image-after-horizon": Gate(
        "Was any radiograph taken before the stay, after its 48 hours, or after discharge?",
        "A picture from later shows how it went on.",
        "Pair only radiographs between intime and the 48th hour; make the samples again.",
    ),
    "series-after-horizon": Gate(
        "Has any time series a measurement after discharge or death?",
        "Such values tell that, and how, the stay ended.",
        "Set the switch early_deaths to drop, and look at dischtime in the raw tables.",
    ),
    "stay-over-early": Gate(
        "Were any of the stays over, by discharge or death, before their 48 hours were?",
        "There is nothing left to predict, and the silence afterwards is the answer.",
        "Set the switches early_deaths to drop and stay_length to times.",
    ),
    "late-results": Gate(
        "May a laboratory value count that nobody could read within the 48 hours?",
        "Taken in time, resulted later: a small advantage over the clinicians.",
        "Set the switch horizon to storetime, or say so beside the numbers.",
        stops=False,
    ),
    "note-after-horizon": Gate(
        "Was any note written or filed after the 48 hours, or after discharge?",
        "Its author knew the outcome. A discharge summary always does.",
        "Set mimic.text_source to radiology_48h, or acknowledge what the paper does.",
    ),
    "note-of-other-admission": Gate(
        "Does any note belong to another admission of the patient?",
        "Whoever has a note of a later admission has survived this one.",
        "Pair notes by hadm_id; make the samples again.",
    ),
    "outcome-words": Gate(
        "Do the texts speak of death or of care at the end of life?",
        "The words may be the label itself.",
        "Set mimic.text_source to radiology_48h; look at the figures below before acknowledging.",
    ),
    "star-words": Gate(
        "Do the texts of the reviews name their own stars, as in 'Five Stars'?",
        "The words are the label itself.",
        "Set amazon.summary to false, or acknowledge what the paper does.",
    ),
    "fitted-outside-training": Gate(
        "Was any scale or vocabulary fitted to more than the training split?",
        "The inputs would carry facts about the cases that are judged.",
        "Make the shards again; the manifest does not fit them.",
    ),
    "borrowed-statistics": Gate(
        "Do the scales of the time series come from another data set?",
        "They hold nothing of these test patients, but fit the values badly.",
        "Set the switch statistics to train, unless the reference is to be reproduced.",
        stops=False,
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
        "Does it predict the outcome which modalities a case has?",
        "The model can learn who was examined instead of what was found.",
        "Compare every model with this figure.",
        stops=False,
    ),
    "text-length": Gate(
        "Does the length of the text predict the outcome?",
        "The model can learn how much was written instead of what.",
        "Compare every model with this figure.",
        stops=False,
    ),
    "image-time": Gate(
        "Does the time of the radiograph within the stay predict the outcome?",
        "The last picture in 48 hours is late for those who were watched closely.",
        "Compare every model with this figure.",
        stops=False,
    ),
}


def table() -> str:
    """Every gate with its question, as Markdown."""
    rows = ["| gate | asks | a finding |", "|---|---|---|"]
    for name, gate in GATES.items():
        effect = "stops the run" if gate.stops else "is reported"
        rows.append(f"| {name} | {gate.question} | {effect} |")
    return "\n".join(rows)
