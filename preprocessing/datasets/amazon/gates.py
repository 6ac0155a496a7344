"""Gates of the reviews beside the generic ones."""

from preprocessing.audit.leakage.gates import SPLIT_AGAIN, Gate

GATES = {
    "products-in-two-splits": Gate(
        "Is any product in two of training, validation and test?",
        "The model can remember how a product is rated.",
        SPLIT_AGAIN,
    ),
    "reviewers-in-two-splits": Gate(
        "Does the same reviewer write in two splits?",
        "The model can remember how generous a reviewer is; the paper splits by product alone.",
        "Nothing, where the paper is followed; say so beside the numbers.",
        stops=False,
    ),
    "star-words": Gate(
        "Do the texts of the reviews name their own stars, as in 'Five Stars'?",
        "The words are the label itself.",
        "Set amazon.summary to false, or acknowledge what the paper does.",
    ),
}
