"""PhysioNet 2012: archives of records, and text files that editors and pandas wrote again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tests.field.case import SECRET, Seen, case, run_step
from tests.preprocessing.test_physionet2012 import outcomes, record

ARCHIVES = "Archives and encodings"
SAVED_AGAIN = "Tables saved again"
CUT = "Repeated, cut and redacted rows"


def write_challenge(folder: Path) -> Path:
    """The root of two small sets, as folders."""
    root = folder / "challenge"
    for name, numbers in {"a": range(100, 110), "b": range(200, 205)}.items():
        (root / f"set-{name}").mkdir(parents=True)
        for number in numbers:
            path = root / f"set-{name}/{number}.txt"
            path.write_text(record(number), encoding="utf-8", newline="")
        told = root / f"Outcomes-{name}.txt"
        told.write_text(outcomes(list(numbers)), encoding="utf-8", newline="")
    return root


def read_challenge(folder: Path) -> Seen:
    """What `physionet2012-rows` makes of it."""
    output = folder / "out"
    words = ["physionet2012-rows", "--root", folder / "challenge", "--output-dir", output]
    return run_step(folder, [*words, "--ledger", output / "ledger.json"])


def pack(root: Path, form: str) -> Path:
    """The archive of set-a, which takes the place of its folder."""
    path = Path(shutil.make_archive(str(root / "set-a"), form, root / "set-a"))
    shutil.rmtree(root / "set-a")
    return path


def declare(kind: str, what: str, says: str, change: Callable[[Path], None]) -> None:
    """Declare a case of the sets, changed, that is refused."""

    @case(kind, what, "refused", says)
    def see(folder: Path) -> Seen:
        change(write_challenge(folder))
        return read_challenge(folder)


def damage_half(path: Path) -> None:
    """Overwrite some bytes in the middle of a file."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 9] = b"x" * 9
    path.write_bytes(raw)


def cut_half(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def put_inside(root: Path) -> None:
    """Put the archive of set-a into a folder of its name."""
    archive = pack(root, "gztar")
    (root / "set-a").mkdir()
    archive.rename(root / "set-a" / archive.name)


TAR = "challenge/set-a.tar.gz is not a whole gzip file..."
ZIP = "challenge/set-a.zip cannot be read to its end: ..."
for what, says, change in (
    ("a damaged set-a.tar.gz", TAR, lambda root: damage_half(pack(root, "gztar"))),
    ("a set-a.tar.gz that is cut off", TAR, lambda root: cut_half(pack(root, "gztar"))),
    ("a damaged set-a.zip", ZIP, lambda root: damage_half(pack(root, "zip"))),
    ("a set-a.zip that is cut off", ZIP, lambda root: cut_half(pack(root, "zip"))),
    (
        "an archive of records within the folder set-a",
        "challenge/set-a holds no <RecordID>.txt, but 1 archives in a folder: unpack them there...",
        put_inside,
    ),
):
    declare(ARCHIVES, what, says, change)

declare(
    CUT,
    "a record that is cut off within a line",
    "challenge/set-a: 100.txt: the last line has no end, as if it were cut off. ...",
    lambda root: (root / "set-a/100.txt").write_bytes(
        record(100, [f"01:00,HR,{SECRET}"])[:-3].encode()
    ),
)


declare(
    SAVED_AGAIN,
    "a record whose values have other digits than 0 to 9",
    "challenge/set-a: 1 of ... lines are not HH:MM,Parameter,number with a time up to 48:00; ...",
    lambda root: (root / "set-a/100.txt").write_bytes(record(100, ["01:00,HR,٨٢"]).encode()),
)


@case(
    SAVED_AGAIN,
    "records and outcomes with a byte order mark, CR LF and 5.0 for 5 days",
    "read",
    "as PhysioNet writes them",
)
def saved_again(folder: Path) -> Seen:
    root = write_challenge(folder)
    assert read_challenge(folder).message is None
    before = pl.read_parquet(folder / "out/rows.parquet")
    for path in root.rglob("*.txt"):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith("Outcomes"):
            text = text.replace(",-1,", ".0,-1,")
        path.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    seen = read_challenge(folder)
    assert pl.read_parquet(folder / "out/rows.parquet").equals(before)
    return seen
