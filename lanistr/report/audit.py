"""What the pages of both audits share: the file behind them, and how they are written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lanistr.errors import DataContractError
from lanistr.report.glossary import with_glossary
from lanistr.report.page import Section, explain_scale, page
from lanistr.report.provenance import told_day


def read_audit(path: Path) -> dict[str, Any]:
    """audit/leakage.json or audit/missingness.json.

    Raises:
        DataContractError: not such a file.
    """
    try:
        audit = dict(json.loads(path.read_text(encoding="utf-8")))
        audit["datasets"], audit["limit"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataContractError(
            f"{path} is not the {path.stem} audit ({type(error).__name__}). "
            "Make it again: snakemake audit."
        ) from None
    return audit


def write_audit_page(
    title: str, sections: Sequence[Section], scales: Iterable[str], audit_path: Path, output: Path
) -> None:
    """One self-contained HTML file that says first what data it is of, and when they were read."""
    stamp = [explain_scale(scale) for scale in sorted(set(scales))]
    stamp.append(f"Counted on {told_day(audit_path.stat().st_mtime)}.")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page(title, with_glossary(sections), stamp=stamp), encoding="utf-8")
