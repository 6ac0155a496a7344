"""Terms that only insiders know, explained where a page has them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lanistr.report.page import Section, facts

TERMS = {
    "95 % interval": "Range that holds the value for 95 of 100 repetitions of the test, estimated "
    "by drawing the tested subjects, and the seeds, again with replacement (bootstrap).",
    "ALBEF": "Image and text are aligned first and fused afterwards (Li et al., 2021).",
    "AP": "Radiograph taken from front to back, as of patients in bed.",
    "AUPRC": "Area under the precision-recall curve; constant answers reach the prevalence.",
    "AUROC": "Area under the ROC curve: how often a positive case gets a higher answer than a "
    "negative one. In percent: 50 is chance, 100 is perfect.",
    "CoCa": "Contrastive captioner: an image and text model (Yu et al., 2022).",
    "ECE": "Expected calibration error: how far predicted probabilities are from what came true.",
    "FLAVA": "An image and text model with masked pretraining (Singh et al., 2022).",
    "Holm": "Adjusts p for the number of comparisons in a table, so that one in many is no luck.",
    "LateFusion": "Each modality has its encoder; what they give is joined at the end.",
    "MAE": "Mean absolute error.",
    "MedFuse": "Fusion of clinical time series and radiographs by an LSTM (Hayat et al., 2022).",
    "MFM": "Masked feature modelling: hidden columns of the table are to be reconstructed.",
    "MIM": "Masked image modelling: hidden patches of the image are to be reconstructed.",
    "MLM": "Masked language modelling: hidden words of the text are to be guessed.",
    "MTM": "Masked time series modelling: hidden hours of the series are to be reconstructed.",
    "non-parallel data": "Samples that lack at least one of the modalities.",
    "PA": "Radiograph taken from back to front, as of patients who can stand.",
    "R2": "Share of the variance that is explained; 0 is what always telling the mean reaches.",
    "Shapley": "A modality's value is what it adds, on average over all orders in which the "
    "modalities may be added.",
    "SimMMM": "Similarity-based multimodal masking: what the model makes of a sample with hidden "
    "parts should be like what it makes of the whole.",
    "Tab2Txt": "The columns of the table are written out as text.",
    "effective rank": "In how many directions embeddings differ; near 1, training has collapsed.",
    "gate": "A question of the leakage audit; one that finds a leak stops the run, unless the "
    "configuration acknowledges it.",
    "giveaway": "Something that tells the answer and is not what a model should learn, such as the "
    "length of a text.",
    "itc": "Image-text contrastive loss: an image and its text should be alike, others not.",
    "itm": "Image-text matching loss: whether an image and a text belong together.",
    "points": "Differences of percentages.",
    "prevalence": "Share of positive cases.",
    "seed": "Start of the random numbers of a training; several show how much of a result is luck.",
    "shards": "The data as models read them: validated, split, in Parquet files.",
    "tempered": "Said of probabilities: the model's answers were first divided by one number, its "
    "temperature, under which they come true as often as they say.",
    "w/o": "Without.",
}


def terms_in(text: str) -> dict[str, str]:
    """The terms that occur in a text as words; small letters begin like sentences, too.

    >>> list(terms_in("<p>Prevalence; AUROC of an APPLE and PA-1, mAE</p>"))
    ['AUROC', 'prevalence']
    """
    words = re.sub(r"<[^>]*>", " ", text)

    def occurs(term: str) -> bool:
        either = f"[{term[0].upper()}{term[0]}]{re.escape(term[1:])}"
        return re.search(rf"(?<![\w-]){either}s?(?![\w-])", words) is not None

    return {term: meaning for term, meaning in TERMS.items() if occurs(term)}


def with_glossary(sections: Sequence[Section]) -> list[Section]:
    """The sections, and behind them one that explains their terms."""
    known = terms_in(" ".join(f"{each.heading} {each.body_html}" for each in sections))
    return [*sections, Section("terms", "Terms", facts(known))] if known else [*sections]
