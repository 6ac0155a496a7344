"""Bytes of MIMIC's tables that are not whole, or not the text that they should be."""

import codecs
import gzip
from collections.abc import Callable
from pathlib import Path

from tests.field.case import SECRET, Seen, case
from tests.field.mimic_root import SUBJECTS, MimicRoot

KIND = "Archives and encodings"
SMALL, LARGE = "icu/icustays", "icu/chartevents"


def in_either_reader(
    folder: Path, change: Callable[[bytes], bytes], ending: str = ".csv.gz", *, packed: bool = False
) -> Seen:
    """What the same change does to a small table and to chartevents, which another reader reads.

    Args:
        folder: where the root is made.
        change: of the bytes of the text or, if `packed`, of the gzip file.
        ending: of the changed file.
        packed: see `change`.
    """
    root = MimicRoot(folder).write()
    assert root.cohort().message is None
    seen = {}
    for table, step in ((LARGE, root.series), (SMALL, root.cohort)):
        root.write()
        text = root.text(table).encode()
        path = root.put(table, text if packed else change(text), ending)
        if packed:
            path.write_bytes(change(path.read_bytes()))
        seen[table] = step()
    small, large = (seen[table].message for table in (SMALL, LARGE))
    assert (small is None) == (large is None), seen
    if small is not None and large is not None:
        # Line numbers may differ, because the tables do.
        assert small.splitlines()[0].replace(SMALL, LARGE) == large.splitlines()[0], seen
    return seen[LARGE]


@case(
    KIND,
    "a table whose gzip file has wrong bytes in the middle",
    "refused",
    "mimic/icu/...gz is not a whole gzip file: ...",
)
def damaged(folder: Path) -> Seen:
    def spoil(data: bytes) -> bytes:
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]

    root = MimicRoot(folder).write()
    path = root.mimic / f"{SMALL}.csv.gz"
    path.write_bytes(spoil(path.read_bytes()))
    return root.cohort()


@case(
    KIND,
    "a gzip file of a table, filled up with zero bytes",
    "refused",
    "mimic/icu/chartevents.csv.gz is not a whole gzip file: zero bytes follow its end. ...",
)
def padded(folder: Path) -> Seen:
    return in_either_reader(folder, lambda data: data + bytes(512), packed=True)


@case(
    KIND,
    "a gzip file of a table with other bytes after its end",
    "refused",
    "mimic/icu/chartevents.csv.gz is not a whole gzip file: ...",
)
def followed(folder: Path) -> Seen:
    return in_either_reader(folder, lambda data: data + b"<html>" * 9, packed=True)


@case(KIND, "a table in several gzip members", "read", "all members, one after the other")
def members(folder: Path) -> Seen:
    def halved(data: bytes) -> bytes:
        text = gzip.decompress(data)
        end = text.index(b"\n", len(text) // 2) + 1
        return gzip.compress(text[:end]) + gzip.compress(text[end:])

    return in_either_reader(folder, halved, packed=True)


@case(KIND, "a table with a byte order mark of UTF-8", "read", "without the mark")
def marked(folder: Path) -> Seen:
    return in_either_reader(folder, lambda text: codecs.BOM_UTF8 + text)


@case(
    KIND,
    "a table in UTF-16",
    "refused",
    "mimic/icu/chartevents.csv is UTF-16 text. Allowed: UTF-8. Save it again as UTF-8 ...",
)
def utf16(folder: Path) -> Seen:
    return in_either_reader(folder, lambda text: text.decode().encode("utf-16"), ".csv")


@case(
    KIND,
    "a table in CP1252, in a column that is used or not",
    "refused",
    "mimic/icu/chartevents.csv.gz, line 2: bytes that are not UTF-8, perhaps CP1252; ...",
)
def cp1252(folder: Path) -> Seen:
    def french(text: bytes) -> bytes:
        header, first, rest = text.split(b"\n", 2)
        cells = first.split(b",")
        # first_careunit is used, caregiver_id is not.
        cells[3] = "Réanimation".encode("cp1252")
        return b"\n".join([header, b",".join(cells), rest])

    return in_either_reader(folder, french)


@case(
    KIND,
    "a csv file with carriage returns alone at the ends of lines",
    "refused",
    "mimic/icu/chartevents.csv has lines that end in a carriage return alone. ...",
)
def macintosh(folder: Path) -> Seen:
    return in_either_reader(folder, lambda text: text.replace(b"\n", b"\r"), ".csv")


@case(
    KIND,
    "a quote in chartevents that is never closed",
    "refused",
    "mimic/icu/chartevents.csv: a quote is never closed. ...",
)
def unclosed(folder: Path) -> Seen:
    root = MimicRoot(folder).write()
    assert root.cohort().message is None
    rows = root.text(LARGE).replace(",80,", f',"{SECRET},', 1)
    # As many lines as took minutes when each was added to all before it.
    root.put(LARGE, (rows + f"{rows.splitlines()[-1]}\n" * 250_000).encode(), ".csv")
    return root.series()


def listed(folder: Path, data: bytes) -> Seen:
    """What mimic-cohort makes of a list of test subjects."""
    (folder / "testset.csv").write_bytes(data)
    return MimicRoot(folder).write().cohort("--test-subjects", folder / "testset.csv")


LIST = "".join(f"{subject},{subject % 2}\n" for subject in SUBJECTS)


@case(KIND, "a subject list with a byte order mark and CRLF", "read", "without the mark")
def marked_list(folder: Path) -> Seen:
    return listed(folder, codecs.BOM_UTF8 + LIST.replace("\n", "\r\n").encode())


@case(KIND, "a subject list in UTF-16", "refused", "testset.csv is UTF-16 text. ...")
def utf16_list(folder: Path) -> Seen:
    return listed(folder, LIST.encode("utf-16"))


@case(
    KIND,
    "a subject list in CP1252",
    "refused",
    "testset.csv, line 1: bytes that are not UTF-8, perhaps CP1252; ...",
)
def cp1252_list(folder: Path) -> Seen:
    return listed(folder, f"{SECRET} \xa0,1\n{LIST}".encode("cp1252"))


@case(
    KIND,
    "a subject list with other digits than 0 to 9",
    "refused",
    "testset.csv: 6 of 6 lines are not 'subject_id,flag' ...",
)
def arabic_list(folder: Path) -> Seen:
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    lines = (f"{str(subject).translate(arabic)},1\n" for subject in SUBJECTS)
    return listed(folder, "".join(lines).encode())


@case(
    KIND,
    "a subject list that flags nobody of the cohort",
    "refused",
    "mimic.subject_lists.test flags 1 subjects, of whom none is among the 6 of the cohort. ...",
)
def foreign_list(folder: Path) -> Seen:
    return listed(folder, b"7,1\n")
