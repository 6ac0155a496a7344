"""Fetching pictures, from a server on this machine that has every fault; nothing leaves it."""

import asyncio
import errno
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import polars as pl
import pytest
from PIL import Image

from preprocessing.datasets.amazon.fetch import UNFINISHED, FetchRequest, fetch
from preprocessing.datasets.amazon.fetch_hosts import GIVE_UP_AFTER
from preprocessing.datasets.amazon.fetch_http import Downloader, FetchError, Journey, Limits
from preprocessing.datasets.amazon.fetch_image import PLACEHOLDER, shrink
from preprocessing.datasets.amazon.fetch_record import open_record
from preprocessing.datasets.amazon.image_paths import local_name
from preprocessing.errors import ConfigError, DataContractError, PipelineError, SourceMissingError
from reading import pictures
from reading.pictures import UndecodableError
from tests.preprocessing.picture_server import HUGE_BYTES, PictureServer, colour_of, encoded

HASTY = Limits(tries=3, backoff=0.01, timeout=0.6, max_bytes=300_000, max_wait=5)

GOOD = ["good/1", "good/2", "slow/3", "drop-once/4", "busy-once/0", "status-once/500", "moved/5"]
PERMANENT = {
    "status/404": "HTTP 404",
    "status/410": "HTTP 410",
    "page": pictures.NOT_A_PICTURE,
    "huge": "larger than the limit",
    "endless": "larger than the limit",
    "loop/a": "redirect loop",
    "chain/0": "too many redirects",
    "to-file": "not an http(s) address",
    "truncated": pictures.BROKEN,
    "truncated-jpeg": pictures.BROKEN,
    "bomb": pictures.TOO_LARGE,
    "pixel": PLACEHOLDER,
}
TRANSIENT = {
    "status/500": "HTTP 500 after retries",
    "busy/0": "HTTP 429 after retries",
    "drop": "connection failed after retries",
    "cut": "connection failed after retries",
    "stuck": "no answer in time after retries",
    "to-private": "host not allowed: not of the public internet",
}


@pytest.fixture
def server():
    with PictureServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.closing.set()
        server.shutdown()


@pytest.fixture
def ask(tmp_path, server):
    """Fetch rows of paths (one path or several candidates each); returns the ledger's counts."""

    def run(rows, limits=HASTY, **options):
        urls = [[server.url(p) for p in ([row] if isinstance(row, str) else row)] for row in rows]
        links = write_links(tmp_path / "links.parquet", urls)
        settings = {"px": 64, "allowed_hosts": frozenset({"127.0.0.1"}), "max_unanswered": 1}
        settings |= options
        ledger = fetch(
            FetchRequest(
                [links], tmp_path / "images", tmp_path / "r.jsonl", limits=limits, **settings
            )
        )
        return {entry.reason: entry for entry in ledger.entries}

    return run


def write_links(path, urls):
    pl.DataFrame({"urls": urls}, schema={"urls": pl.List(pl.String)}).write_parquet(path)
    return path


def outcomes(tmp_path, server):
    """The last outcome of each path in the record."""
    _, *lines = map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())
    return {line["url"].removeprefix(server.url("")): line["outcome"] for line in lines}


def test_everything_good_arrives_and_the_rest_has_its_reason(ask, tmp_path, server):
    counts = ask([*GOOD, *PERMANENT, *TRANSIENT])

    assert outcomes(tmp_path, server) == dict.fromkeys(GOOD, "fetched") | PERMANENT | TRANSIENT
    images = tmp_path / "images"
    assert {path.name for path in images.iterdir()} == {
        UNFINISHED,
        *(local_name(server.url(path)) for path in GOOD),
    }
    assert not any((images / UNFINISHED).iterdir())
    for path in ("good/2", "moved/5"):
        with Image.open(images / local_name(server.url(path))) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (85, 64))
            wanted = colour_of(int(path[-1]))
            assert all(
                abs(a - b) <= 3 for a, b in zip(image.getpixel((40, 30)), wanted, strict=True)
            )
    assert counts["fetched"].rows_after == len(GOOD)
    assert counts["connection failed after retries"].rows_before > 0
    lost = sum(entry.rows_before - entry.rows_after for entry in counts.values())
    assert lost == len(PERMANENT) + len(TRANSIENT)


def test_requests_are_as_many_as_worthwhile(ask, server):
    ask(["status/404", "status/500", "huge", "endless", "to-file"])
    assert server.asked["status/404"] == server.asked["huge"] == server.asked["endless"] == 1
    assert server.asked["status/500"] == HASTY.tries
    # Whatever the sockets' buffers took, most of the 400 MB was never sent.
    assert server.sent_huge < HUGE_BYTES / 10
    assert all(agent.startswith("lanistr-fetch/") for agent in server.agents)


def test_the_next_run_asks_only_for_what_may_have_changed(ask, server):
    rows = ["good/1", "status/404", "page", "status/500", ["status/403", "good/2"]]
    ask(rows)
    server.asked.clear()
    counts = ask(rows)
    assert server.asked == {"status/500": HASTY.tries}
    assert counts["on disk already"].rows_after == 2
    assert {"HTTP 404", pictures.NOT_A_PICTURE} < counts.keys()

    server.asked.clear()
    ask(rows, retry_failed=True)
    again = {"status/404": 1, "page": 1, "status/500": HASTY.tries, "status/403": 1}
    assert server.asked == again


def test_rows_that_wait_for_an_answer_stop_the_step_until_they_have_one(ask, tmp_path, server):
    gone = ["status/404", "status/410", "page"]
    rows = ["good/1", *gone, "busy-once/0", "status-once/520", ["drop-once/4", "status/404"]]
    once = Limits(tries=1)
    with pytest.raises(SourceMissingError, match=r"3 of 7 pictures .*: 1 HTTP 429 .* 1 connection"):
        ask(rows, once, max_unanswered=0.4)
    assert ask(rows[:-1], once, max_unanswered=0)["fetched"].rows_after == 2
    before = server.asked.copy()
    counts = ask(rows, once, max_unanswered=0)
    assert server.asked - before == {"drop-once/4": 1}
    assert counts["on disk already"].rows_after == 3
    lost = {reason for reason, entry in counts.items() if entry.rows_before > entry.rows_after}
    assert lost == {PERMANENT[path] for path in gone}


@pytest.mark.parametrize("share", [0.75, 1])
def test_a_stated_share_of_rows_may_wait(ask, share):
    counts = ask(["good/1", "drop/1", "drop/2", "status/500"], max_unanswered=share)
    assert counts["fetched"].rows_after == 1
    waiting = counts["connection failed after retries"]
    assert waiting.rows_before - waiting.rows_after == 2


def test_candidates_are_tried_in_order_and_shared_ones_once(ask, tmp_path, server):
    server.delay = 0.02
    counts = ask([["status/404", "good/1", "good/2"]] * 20 + [["good/3", "good/1"], []])
    assert server.asked == {"status/404": 1, "good/1": 1, "good/3": 1}
    assert (tmp_path / "images" / local_name(server.url("good/1"))).exists()
    assert counts["fetched"].rows_after + counts["on disk already"].rows_after == 21
    assert counts["fetched, but not the best candidate"].rows_after > 0
    dropped = counts["no address listed"]
    assert dropped.rows_before - dropped.rows_after == 1


def test_a_better_candidate_is_taken_when_it_comes_back(ask, tmp_path, server):
    row = ["status-once/500", "good/1"]
    ask([row], Limits(tries=1))
    ask([row], Limits(tries=1))
    assert server.asked == {"status-once/500": 2, "good/1": 1}
    assert (tmp_path / "images" / local_name(server.url(row[0]))).exists()


def test_a_killed_run_resumes_without_asking_again(tmp_path, server):
    server.delay = 0.03
    paths = [f"good/{n}" if n % 4 else f"status/404?{n}" for n in range(120)]
    links = write_links(tmp_path / "links.parquet", [[server.url(path)] for path in paths])
    images, record = tmp_path / "images", tmp_path / "r.jsonl"
    options = ["--links", links, "--images", images, "--record", record, "--px", "64"]
    options += ["--ledger", tmp_path / "l.json", "--allow-host", "127.0.0.1", "--per-host", "4"]
    command = [sys.executable, "-m", "preprocessing", "amazon-fetch", *map(str, options)]

    killed = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_until(lambda: sum(server.asked.values()) >= 50)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    time.sleep(0.1)  # requests under way when it died reach the counter

    had = {path for path in paths if (images / local_name(server.url(path))).exists()}
    had |= set(outcomes(tmp_path, server))
    asked = set(server.asked)
    assert 30 <= len(had) < 100
    server.asked.clear()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

    assert not had & set(server.asked)
    assert had | set(server.asked) == set(paths)
    assert len(asked & set(server.asked)) <= 8  # only what was under way
    for path in paths:
        if path.startswith("good"):
            with Image.open(images / local_name(server.url(path))) as image:
                image.load()
    assert not any((images / UNFINISHED).iterdir())
    assert json.loads((tmp_path / "l.json").read_text())["step"] == "amazon-fetch"


def test_a_full_disk_stops_the_run_and_leaves_no_half_picture(ask, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(PipelineError, match="No space left"):
        patch.setattr(os, "fsync", full)
        ask(["good/1", "good/2"])
    assert [path.name for path in (tmp_path / "images").iterdir()] == [UNFINISHED]
    assert ask(["good/1", "good/2"])["fetched"].rows_after == 2


def wait_until(true, seconds=15):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def test_retry_after_holds_the_whole_host(ask, server):
    limits = Limits(tries=2, backoff=0, connections_per_host=1)
    ask(["good/1", "busy-once/1", *(f"good/{n}" for n in range(2, 8))], limits)
    times = [when for _, when in server.times]
    refused = next(when for path, when in server.times if path.startswith("busy"))
    assert server.asked["busy-once/1"] == 2
    assert all(when <= refused or when >= refused + 0.99 for when in times)


def test_a_host_that_asks_for_too_long_a_wait_is_asked_no_more(ask, tmp_path, server):
    limits = Limits(connections_per_host=1, max_wait=5)
    began = time.monotonic()
    ask(["good/1", "busy/3600", "good/2", "good/3"], limits)
    assert time.monotonic() - began < 2
    assert server.asked == {"good/1": 1, "busy/3600": 1}
    assert outcomes(tmp_path, server)["good/3"] == "host given up"


def test_a_host_that_is_down_is_given_up_and_the_run_fails(ask, server):
    limits = Limits(tries=1, connections=5)
    with pytest.raises(SourceMissingError, match=r"60 of 60 pictures .* host given up.*disk are 0"):
        ask([f"drop/{n}" for n in range(60)], limits, max_unanswered=0.99)
    assert GIVE_UP_AFTER <= sum(server.asked.values()) <= GIVE_UP_AFTER + 5


def test_connections_and_rate_are_kept(ask, server):
    server.delay = 0.05
    ask([f"good/{n}" for n in range(20)], Limits(connections=12, connections_per_host=3))
    assert server.most_at_once == 3

    server.times.clear()
    server.delay = 0
    ask([f"good/{n}" for n in range(100, 111)], Limits(requests_per_second=20))
    times = [when for _, when in server.times]
    assert times[-1] - times[0] >= 10 / 20 - 0.05


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{}/good/1", "http://localhost:{}/good/1", "http://2130706433:{}/"]
)
def test_private_addresses_are_not_asked_unless_allowed(address, server):
    assert reason_of(address.format(server.server_port)).startswith("host not allowed")
    assert not server.asked


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1/a.jpg", "file:///etc/passwd", "//host/a.jpg", "http://", "http://[::1/", ""],
)
def test_only_web_addresses_are_asked(address):
    assert reason_of(address) == "not an http(s) address"


def reason_of(address):
    async def body():
        async with Downloader(HASTY, "test", frozenset()) as downloader:
            await downloader.body(address, Journey())

    with pytest.raises(FetchError) as caught:
        asyncio.run(body())
    return caught.value.reason


def test_one_process_and_one_size_per_record(ask, tmp_path):
    with open_record(tmp_path / "r.jsonl", 64), pytest.raises(ConfigError, match="Another process"):
        ask(["good/1"])
    with pytest.raises(ConfigError, match="scaled to 64 pixels, not 128"):
        ask(["good/1"], px=128)
    (tmp_path / "r.jsonl").write_text("something else\n")
    with pytest.raises(DataContractError, match="does not begin like the record"):
        ask(["good/1"])


def test_a_line_cut_off_costs_only_itself(ask, tmp_path, server):
    ask(["status/404", "page"])
    whole = (tmp_path / "r.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    (tmp_path / "r.jsonl").write_bytes(whole[: -len(lines[-1]) // 2])
    lost = json.loads(lines[-1])["url"].removeprefix(server.url(""))
    server.asked.clear()
    ask(["status/404", "page"])
    assert server.asked == {lost: 1}
    ask(["status/404", "page"])
    assert server.asked == {lost: 1}


def test_links_are_checked(tmp_path):
    pl.DataFrame({"url": ["http://example.org"]}).write_parquet(tmp_path / "links.parquet")
    request = FetchRequest([tmp_path / "links.parquet"], tmp_path / "i", tmp_path / "r.jsonl", 64)
    with pytest.raises(DataContractError, match="urls must be a list of strings"):
        fetch(request)


def test_pictures_are_upright_on_white_and_never_enlarged():
    sideways = Image.new("RGB", (40, 20), "red")
    exif = sideways.getexif()
    exif[0x0112] = 6  # the camera was held upright
    file = io.BytesIO()
    sideways.save(file, "JPEG", exif=exif)
    assert size_and_colour(shrink(file.getvalue(), 64))[0] == (20, 40)

    clear = encoded("PNG", "RGBA", (300, 100), (0, 0, 0, 0))
    assert size_and_colour(shrink(clear, 50)) == ((150, 50), (255, 255, 255))


def size_and_colour(jpeg):
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.size, image.getpixel((5, 5))


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xd8", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"GIF89a", b"RIFF"]
)
def test_what_is_no_picture_is_refused(body):
    with pytest.raises(UndecodableError):
        shrink(body, 64)
