"""What a gate found, what the configuration says about it, and how that is told without rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from preprocessing.audit.among import Among
from preprocessing.audit.leakage.gates import every_gate
from preprocessing.audit.leakage.measure import Measure
from preprocessing.audit.suppression import LIMIT
from preprocessing.errors import ConfigError


@dataclass(frozen=True)
class Part:
    """Disjoint parts of a whole, which may have others.

    Attributes:
        whole: name of a count or context, or what the missingness audit counts.
        parts: names of counts or contexts.
    """

    whole: str | Among
    parts: Sequence[str]


@dataclass(frozen=True)
class Finding:
    """What one gate found in one data set.

    Attributes:
        gate: name of one of `gates.every_gate`.
        counts: how often each forbidden thing occurs; zeros say what was looked for.
        context: counts that are no finding, such as how many were looked at.
        parts: what is part of what; so many are withheld that no small rest follows.
        settings: settings in force that are a finding by themselves.
        measures: how well the giveaway alone predicts.
        shortcut: True if a measure that is better than chance is a finding.
    """

    gate: str
    counts: Mapping[str, int] = field(default_factory=dict)
    context: Mapping[str, int] = field(default_factory=dict)
    parts: Sequence[Part] = ()
    settings: Sequence[str] = ()
    measures: Sequence[Measure] = ()
    shortcut: bool = False

    @property
    def found(self) -> bool:
        """True if there is anything to report."""
        informative = self.shortcut and any(m.better_than_chance for m in self.measures)
        return any(self.counts.values()) or bool(self.settings) or informative

    def status(self, acknowledged: Collection[str]) -> str:
        """`clean`, `notice`, `acknowledged` or `leak`."""
        if not self.found:
            return "clean"
        if not every_gate()[self.gate].stops:
            return "notice"
        return "acknowledged" if self.gate in acknowledged else "leak"

    def entry(self, acknowledged: Collection[str]) -> dict[str, Any]:
        """The finding as JSON, with counts as they are: what of it may leave is decided later."""
        gate = every_gate()[self.gate]
        return {
            "gate": self.gate,
            "status": self.status(acknowledged),
            "stops": gate.stops,
            "question": gate.question,
            "danger": gate.danger,
            "remedy": gate.remedy,
            "counts": dict(self.counts),
            "context": dict(self.context),
            "parts": [asdict(part) for part in self.parts],
            "settings": list(self.settings),
            "measures": [measure.entry() for measure in self.measures],
        }


def check_names(acknowledged: Iterable[str]) -> None:
    """Refuse names that no stopping gate has.

    Raises:
        ConfigError: there is no such gate, or nothing to acknowledge.
    """
    allowed = [name for name, gate in every_gate().items() if gate.stops]
    if unknown := sorted(set(acknowledged) - set(allowed)):
        raise ConfigError(
            f"leakage.acknowledge: {', '.join(unknown)} is no gate that stops a run. "
            f"Allowed: {', '.join(allowed)}."
        )


def leaks(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The message on each leak that is not acknowledged: the gate, what was found, what to do."""
    return [_message(entry) for entry in entries if entry["status"] == "leak"]


def _message(entry: Mapping[str, Any]) -> str:
    counts = [f"{_told(n)} {what}" for what, n in entry["counts"].items() if n != 0]
    found = [*counts, *entry["settings"], *map(_measured, entry["measures"])]
    lines = [f"  {entry['gate']}: {entry['question']}", *(f"    {line}" for line in found)]
    return "\n".join([*lines, f"    {entry['remedy']}"])


def _told(count: int) -> str:
    """A count in words; a log tells no small one."""
    return f"fewer than {LIMIT}" if count < LIMIT else str(count)


def _measured(measure: Mapping[str, Any]) -> str:
    if measure["value"] is None:
        return f"{measure['of']}: not measured, {measure['withheld']}"
    interval = (
        f" ({measure['low']:.2f} to {measure['high']:.2f})" if measure["low"] is not None else ""
    )
    return f"{measure['of']}: {measure['metric']} {measure['value']:.2g}{interval}"
