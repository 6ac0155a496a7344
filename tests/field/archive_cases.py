"""Archives, cut and damaged, at the doors of raw files."""

import gzip
from pathlib import Path

from tests.field.case import SECRET, Seen, case, run_step

KIND = "Archives and encodings"


def read_reviews(folder: Path, raw: bytes) -> Seen:
    """What `amazon-reviews` makes of the bytes of a dump."""
    (folder / "All_Beauty.json.gz").write_bytes(raw)
    outputs = {
        "--output": "r.parquet",
        "--products": "p.parquet",
        "--links": "l.parquet",
        "--facts": "f.json",
        "--ledger": "ledger.json",
    }
    words = [word for option, name in outputs.items() for word in (option, folder / name)]
    return run_step(folder, ["amazon-reviews", "--reviews", folder / "All_Beauty.json.gz", *words])


@case(
    KIND,
    "a dump of reviews whose gzip stream is cut off",
    "refused",
    "All_Beauty.json.gz is not a whole gzip file (...",
)
def cut_off(folder: Path) -> Seen:
    line = b'{"asin": "B000000001", "reviewText": "' + SECRET.encode() + b'"}\n'
    return read_reviews(folder, gzip.compress(line * 50)[:-20])
