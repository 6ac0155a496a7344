"""Figures that may leave the machine, rounded so that they name no count of samples."""

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
FINE = 0.001


def round_figure(figure: float, fewest: int, samples: int, *, is_share: bool) -> float:
    """A figure in steps that admit every count that it may be told of.

    With D of n positive, areas under the curve lie 1 / (2 D (n - D)) apart, D and n - D being
    `fewest` or more: a hundredth holds some whatever D is, and so does a thousandth of many samples
    (ten or more). What is a share of samples, or is for constant answers, goes in steps of `fewest`
    samples or more.

    Args:
        figure: such as an AUROC or an accuracy, at most 1.
        fewest: samples that a count may be told of.
        samples: number that the figure is about.
        is_share: whether it is a share of samples, or is one for constant answers.

    >>> [round_figure(0.67132, 10, n, is_share=False) for n in (181, 963)]
    [0.67, 0.671]
    >>> round_figure(0.67132, 10, 181, is_share=True)
    0.7
    """
    if is_share:
        step = next((step for step in STEPS if step * samples >= fewest), STEPS[-1])
    else:
        step = FINE if FINE * 2 * (samples - fewest) >= 1 else STEPS[0]
    # No minus before a zero.
    return round(round(figure / step) * step, 3) + 0.0


def round_number(number: float) -> float:
    """A number of any size to two digits.

    >>> round_number(0.000012345), round_number(-46.31)
    (1.2e-05, -46.0)
    """
    return float(f"{number:.2g}")
