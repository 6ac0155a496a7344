"""Gates of MIMIC beside the generic ones: what stays, notes and radiographs may give away."""

from preprocessing.audit.leakage.gates import COMPARE, SPLIT_AGAIN, Gate

GATES = {
    "patients-in-two-splits": Gate(
        "Is any patient in two of training, validation and test?",
        "The model can recognise the patient instead of the disease.",
        SPLIT_AGAIN,
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
    "borrowed-statistics": Gate(
        "Do the scales of the time series come from another data set?",
        "They hold nothing of these test patients, but fit the values badly.",
        "Set the switch statistics to train, unless the reference is to be reproduced.",
        stops=False,
    ),
    "image-time": Gate(
        "Does the time of the radiograph within the stay predict the outcome?",
        "The last picture in 48 hours is late for those who were watched closely.",
        COMPARE,
        stops=False,
    ),
}
