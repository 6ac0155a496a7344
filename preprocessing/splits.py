"""Which split a patient or product belongs to: from its identifier alone, or a published list."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal, Self

import polars as pl
from typer import Option

from commandline import Made
from preprocessing.engine.intact import whole_text
from preprocessing.errors import ConfigError, DataContractError, SourceMissingError

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


def split_of(subject: int | str, *, seed: int, valid: float, test: float) -> Split:
    """The split of one subject, the same in every run, process and subset of the data.

    Args:
        subject: patient or product identifier.
        seed: another seed, another partition.
        valid: share of subjects in the validation split, 0 to 1.
        test: share of subjects in the test split, 0 to 1.

    >>> split_of(10000032, seed=0, valid=0.1, test=0.2)
    'train'
    """
    draw = hash_draw(subject, seed)
    if draw < test:
        return "test"
    return "valid" if draw < test + valid else "train"


def hash_draw(subject: int | str, seed: int) -> float:
    """A number from 0 to 1 that depends on the subject and the seed alone.

    >>> 0 <= hash_draw("B00", 0) < 1
    True
    """
    digest = blake2b(f"{seed}/{subject}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def read_subject_list(path: Path) -> frozenset[int]:
    """The flagged subjects of a published list: a csv of subject_id and flag, without a header.

    Raises:
        SourceMissingError: the file is not there.
        DataContractError: the file is not UTF-8, a line is not two integers, or a flag is neither
            0 nor 1.
    """
    if not path.is_file():
        raise SourceMissingError(
            f"mimic.subject_lists names {path}, which is not there. "
            "Give a csv of subject_id,flag, or leave the list out to split by a stable hash."
        )
    rows = [line.split(",") for line in whole_text(path).split() if line]
    broken = sum(
        len(row) != 2 or not re.fullmatch("[0-9]{1,18}", row[0]) or row[1] not in {"0", "1"}
        for row in rows
    )
    if broken:
        raise DataContractError(
            f"{path}: {broken} of {len(rows)} lines are not 'subject_id,flag' "
            "with at most 18 digits 0 to 9 and a flag of 0 or 1. Expected a csv without a header."
        )
    return frozenset(int(subject) for subject, flag in rows if flag == "1")


@dataclass(frozen=True)
class Splitter:
    """How subjects are split: by published lists where given, the rest by a stable hash.

    With both lists given, a subject in neither is in training. With one list, the hash decides
    about the other split only.

    Attributes:
        lists: the subjects of `test` and of `valid`, where published; test wins over valid.
        seed: of the hash.
        valid: share of subjects that the hash puts into validation, 0 to 1.
        test: share of subjects that the hash puts into test, 0 to 1.

    Source: mimic4extract, split_train_and_test.py and split_train_val.py, for the lists.

    >>> Splitter({"test": frozenset({7})}, seed=0, valid=0.0, test=0.2).choose([7, 8])
    {7: 'test', 8: 'train'}
    """

    lists: Mapping[Split, frozenset[int]]
    seed: int
    valid: float
    test: float

    def __post_init__(self) -> None:
        """Refuse shares that leave no room for each other."""
        if min(self.valid, self.test) < 0 or self.valid + self.test >= 1:
            raise ConfigError(
                f"The split shares are valid={self.valid} and test={self.test}. "
                "Each must be at least 0, and they must leave something for training."
            )

    @classmethod
    def from_options(
        cls,
        test_subjects: Annotated[
            Path | None, Option(help="Published list of test subjects: csv of subject_id,flag")
        ] = None,
        valid_subjects: Annotated[
            Path | None,
            Option(help="Published list of validation subjects: csv of subject_id,flag"),
        ] = None,
        split_seed: Annotated[int, Option(help="Seed of the hash that splits")] = 0,
        valid_share: Annotated[
            float, Option(help="Share of subjects for validation where no list is given")
        ] = 0.1,
        test_share: Annotated[
            float, Option(help="Share of subjects for testing where no list is given")
        ] = 0.2,
    ) -> Self:
        """From the options of a command line; reads the lists that are given."""
        given: dict[Split, Path | None] = {"test": test_subjects, "valid": valid_subjects}
        lists = {split: read_subject_list(path) for split, path in given.items() if path}
        return cls(lists, split_seed, valid_share, test_share)

    def choose(self, subjects: Iterable[int]) -> dict[int, Split]:
        """The split of each subject, whatever other subjects there are."""
        test = self.lists.get("test", frozenset())
        valid = self.lists.get("valid", frozenset())
        # A published list replaces the hash's share of that split.
        shares = {
            "valid": 0.0 if "valid" in self.lists else self.valid,
            "test": 0.0 if "test" in self.lists else self.test,
        }

        def split(subject: int) -> Split:
            if subject in test:
                return "test"
            return "valid" if subject in valid else split_of(subject, seed=self.seed, **shares)

        return {subject: split(subject) for subject in subjects}

    def assign(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add the column `split` by `subject_id`."""
        splits = self.choose(frame["subject_id"].unique())
        column = [splits[subject] for subject in frame["subject_id"]]
        return frame.with_columns(split=pl.Series(column, dtype=pl.String))

    def check_matches(self, cohort: pl.DataFrame) -> None:
        """Refuse a published list that flags nobody in the cohort: it is of other data.

        Raises:
            DataContractError: names the split.
        """
        subjects = set(cohort["subject_id"])
        for split, flagged in self.lists.items():
            if subjects and subjects.isdisjoint(flagged):
                raise DataContractError(
                    f"mimic.subject_lists.{split} flags {len(flagged)} subjects, of whom none is "
                    f"among the {len(subjects)} of the cohort. Give the list that belongs to these "
                    "data, or leave it out to split by a stable hash."
                )

    def check_agrees(self, cohort: pl.DataFrame, where: str) -> None:
        """Refuse to go on if these options split the cohort's subjects differently.

        Raises:
            DataContractError: a patient would be in two splits.
        """
        chosen = self.assign(cohort.select("subject_id"))["split"]
        differing = (chosen != cohort["split"]).sum()
        if differing:
            raise DataContractError(
                f"{where}: {differing} of {cohort.height} rows have another split than these "
                "subject lists, seed and shares give. Use the options that mimic-cohort was given."
            )


Splits = Annotated[Splitter, Made(Splitter.from_options)]
"""On the command line, the options of `Splitter.from_options`."""
