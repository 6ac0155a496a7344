"""Jobs that are forked from one process: as if each had a process of its own, to the end."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from commandline import forkserver

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="only Linux has what it needs"
)
JOB = """
import json, os, sys, time
print(json.dumps({
    "argv": sys.argv[1:], "pid": os.getpid(), "parent": os.getppid(), "folder": os.getcwd(),
    "variable": os.environ.get("VARIABLE"), "preloaded": "preloaded" in sys.modules,
}), flush=True)
print("to stderr", file=sys.stderr)
if "wait" in sys.argv:
    time.sleep(60)
if "signal" in sys.argv:
    os.kill(os.getpid(), 9)
sys.exit(sys.stdin.read() and 3)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a package `job` that says what it is, and a module `preloaded`."""
    (tmp_path / "job").mkdir()
    (tmp_path / "job/__main__.py").write_text(JOB)
    (tmp_path / "preloaded.py").write_text("")
    (tmp_path / "broken.py").write_text("import nowhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@contextlib.contextmanager
def serving(preload="preloaded"):
    """The words that start a job, and the server, which has ended afterwards."""
    server, words = forkserver.start(preload)
    try:
        yield [sys.executable, *words[1:], "job"], server
    finally:
        server.stdin.close()
        server.wait(timeout=10)


def run(words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, **options)
    return done, json.loads(done.stdout or "{}")


def is_alive(pid):
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(") ")[2][0] != "Z"
    return False


def gone(*pids):
    """Whether processes end within some seconds."""
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(is_alive, pids))


def test_a_job_has_arguments_folder_environment_and_files_of_its_own(folder, tmp_path):
    elsewhere = tmp_path / "else"
    elsewhere.mkdir()
    with serving() as (words, server):
        for variable in ("one", "two"):
            done, told = run(
                [*words, "a b", variable],
                cwd=elsewhere if variable == "two" else folder,
                env=os.environ | {"VARIABLE": variable},
                input="text",
            )
            assert done.stderr == "to stderr\n"
            assert (done.returncode, told["argv"]) == (3, ["a b", variable])
            assert (told["variable"], told["parent"]) == (variable, server.pid)
            assert told["folder"] == str(elsewhere if variable == "two" else folder)
            assert told["preloaded"]


@pytest.mark.parametrize("reason", ["no server", "a broken import", "other threads"])
def test_where_it_cannot_be_forked_a_job_runs_as_itself(folder, reason):
    with serving("broken" if reason == "a broken import" else "preloaded") as (words, server):
        if reason == "no server":
            server.kill()
            server.wait()
        if reason == "other threads":
            run(words, input="")
        done, told = run(words, input="text", env=os.environ | {"OMP_NUM_THREADS": "7"})
    assert (done.returncode, done.stderr) == (3, "to stderr\n")
    assert told["parent"] == os.getpid()
    assert not told["preloaded"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_user_gets_nothing_run(folder):
    with serving() as (words, server):
        if not (stranger := os.fork()):
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
                asking.connect(f"\0{words[-2]}")
                os._exit(forkserver.asked(asking, ["job"]) != b"")
            os._exit(0)
        assert os.waitpid(stranger, 0)[1] == 0
        assert run(words, input="")[1]["parent"] == server.pid


def test_the_end_of_a_job_by_a_signal_is_told(folder):
    with serving() as (words, _):
        assert run([*words, "signal"])[0].returncode == 128 + signal.SIGKILL


@pytest.fixture
def waiting(folder):
    """A job that waits: the process that asked for it, the forked one, and the server."""
    with serving() as (words, server):
        job = subprocess.Popen([*words, "wait"], stdout=subprocess.PIPE, text=True)
        with job:
            yield job, json.loads(job.stdout.readline())["pid"], server
            job.kill()


def test_a_job_that_is_killed_takes_its_child_along_and_no_other(waiting):
    job, child, server = waiting
    job.kill()
    assert gone(child)
    assert is_alive(server.pid)


def test_a_child_that_is_killed_ends_its_job(waiting):
    job, child, server = waiting
    os.kill(child, signal.SIGKILL)
    assert job.wait(timeout=10) == 128 + signal.SIGKILL
    assert is_alive(server.pid)


def test_children_end_with_the_server_and_it_with_who_started_it(waiting):
    job, child, server = waiting
    server.stdin.close()
    assert gone(child, server.pid)
    assert job.wait(timeout=10) == 1


def test_a_job_never_starts_while_a_killed_servers_child_still_works(waiting):
    job, child, server = waiting
    server.kill()
    assert gone(child)
    assert job.wait(timeout=10) == 1
