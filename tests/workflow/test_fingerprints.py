"""What of a file tells that it changed, and what of many pictures."""

import gzip
import os
import random

import pytest

from commandline import changes
from preprocessing.sightings import AT_MOST, write_sightings


@pytest.fixture
def look(monkeypatch):
    """The fingerprint as a new plan takes it, with files of 4 KB for big ones."""
    monkeypatch.setattr(changes, "WHOLE_BYTES", 4000)
    monkeypatch.setattr(changes, "BLOCKS", 8)
    monkeypatch.setattr(changes, "BLOCK_BYTES", 100)
    return lambda path: changes.fingerprint.__wrapped__(str(path))


def exchange(path, content):
    """Write other bytes under a name, with the old dates."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("place", [0, 1700, 3999])
def test_any_byte_of_a_small_file_counts_and_no_date(look, tmp_path, place):
    path = tmp_path / "patients.csv"
    content = bytearray(range(250)) * 16
    path.write_bytes(content)
    before = look(path)
    os.utime(path, (1, 1))
    assert look(path) == before
    content[place] ^= 1
    exchange(path, content)
    assert look(path) != before


def test_head_tail_size_and_samples_of_a_big_file_count(look, tmp_path):
    path = tmp_path / "chartevents.csv"
    content = bytearray(random.Random(0).randbytes(50_000))
    path.write_bytes(content)
    before = look(path)
    starts = [start for start, _ in changes.blocks(len(content))]
    for place in (*starts, len(content) - 1):
        other = content.copy()
        other[place] ^= 1
        exchange(path, other)
        assert look(path) != before, place
    exchange(path, content + b"\n")
    assert look(path) != before
    # The price of reading a part, for which the date of such a file counts.
    content[starts[1] + 100] ^= 1
    exchange(path, content)
    assert look(path) == before
    os.utime(path, (1, 1))
    assert look(path) != before


def test_the_tail_of_a_gzip_tells_a_change_of_one_character_anywhere(look, tmp_path):
    text = bytearray(random.Random(0).randbytes(30_000).hex().encode())
    path = tmp_path / "labevents.csv.gz"
    # Stored, not compressed: the size and all other bytes stay.
    path.write_bytes(gzip.compress(text, compresslevel=0, mtime=0))
    before, size = look(path), path.stat().st_size
    starts = [start for start, _ in changes.blocks(size)]
    text[starts[1] + 1000] = ord("x")
    exchange(path, gzip.compress(text, compresslevel=0, mtime=0))
    assert path.stat().st_size == size
    assert look(path) != before
    before = look(path)
    os.utime(path, (1, 1))
    assert look(path) == before


def test_a_folder_is_its_files_by_name(look, tmp_path):
    folder = tmp_path / "set-a"
    (folder / "deeper").mkdir(parents=True)
    (folder / "1.txt").write_text("HR,80")
    before = look(folder)
    os.utime(folder, (1, 1))
    assert look(folder) == before
    (folder / "1.txt").rename(folder / "deeper/1.txt")
    assert look(folder) != before
    changes.fingerprint.cache_clear()
    moved = look(folder)
    exchange(folder / "deeper/1.txt", b"HR,81")
    changes.fingerprint.cache_clear()
    assert look(folder) != moved


def test_what_is_not_there_has_a_fingerprint_of_its_own(look, tmp_path):
    before = look(tmp_path / "late.csv")
    (tmp_path / "late.csv").touch()
    assert look(tmp_path / "late.csv") != before


def test_pictures_that_come_go_or_are_exchanged_change_what_was_seen(tmp_path):
    paths = [tmp_path / f"{number}.jpg" for number in range(4)]
    for path in paths[:3]:
        path.write_bytes(b"picture")
    seen = tmp_path / "interim/pictures.json"
    write_sightings(paths[3:], paths[:3], seen)
    assert changes.changed_pictures(str(seen)) == ""
    os.utime(paths[0], (1, 1))
    assert changes.changed_pictures(str(seen)) == ""

    states = {""}
    for alter in (
        lambda: paths[3].write_bytes(b"late"),
        lambda: paths[3].write_bytes(b"later"),
        paths[0].unlink,
        lambda: exchange(paths[1], b"another"[:5]),
    ):
        alter()
        states.add(changes.changed_pictures(str(seen)))
    assert len(states) == 5


def test_nothing_is_known_to_change_before_a_step_has_looked(tmp_path):
    seen = tmp_path / "pictures.json"
    assert changes.changed_pictures(str(seen)) == ""
    seen.touch()
    assert changes.changed_pictures(str(seen)) == ""


def test_of_many_pictures_some_are_looked_at_of_those_that_lack_and_of_those_that_are_there(
    tmp_path,
):
    there = [tmp_path / f"{number}.jpg" for number in range(2 * AT_MOST)]
    lacking = [tmp_path / f"late-{number}.jpg" for number in range(2 * AT_MOST)]
    seen = tmp_path / "pictures.json"
    write_sightings(lacking, there, seen)
    for number in range(100, 110):  # in a row, as downloads come
        lacking[number].touch()
    assert changes.changed_pictures(str(seen))
