"""LANISTR and its training: knows shards and tensors, never raw files.

>>> import lanistr
>>> predictor = lanistr.fit("rows.csv", label="season")  # doctest: +SKIP
>>> predictor.predict(new_rows)  # doctest: +SKIP
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Load `fit` when it is asked for, as torch takes seconds to import."""
    if name == "fit":
        from lanistr.own import fit

        return fit
    raise AttributeError(f"module 'lanistr' has no attribute {name!r}")
