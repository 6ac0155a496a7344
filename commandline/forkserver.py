"""Jobs from a process that has imported all they need: torch and transformers take seconds.

The server imports when it is first asked and forks a child per job, which has the job's folder,
environment and open files. The job's own process, `ask`, waits, ends as its child does and takes
it along when killed; where no server answers, it runs the job itself.
"""

import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
from importlib import import_module
from typing import Any

REFUSED = b"refused"
# Variables that libraries read once, when they are loaded.
AT_LOAD = "_NUM_THREADS"
PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>


def start(preload: str) -> tuple[subprocess.Popen[bytes], list[str]] | None:
    """Start a server, which ends with the process that starts it.

    Args:
        preload: module that imports what the jobs need.

    Returns:
        The server, and what stands for `python -m` in the command of a job; None where the system
        is not Linux.
    """
    if not hasattr(os, "pidfd_open"):
        return None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # a free name in no folder: no length to exceed, nothing to leave behind
        listener.listen(128)
        server = subprocess.Popen(
            [sys.executable, __file__, "serve", str(listener.fileno()), preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C ends the jobs, and these their children
        )
        name = listener.getsockname()[1:].decode()
    return server, ["python", "-IS", __file__, "ask", name]


def ask(name: str, command: list[str]) -> None:
    """Have a command run by a server and exit as it does; without a server, become it.

    Args:
        name: of the server's socket.
        command: what stands behind `python -m`.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(f"\0{name}")
            status = asked(server, command) if is_mine(server) else REFUSED
        except OSError:
            status = REFUSED
    if status == REFUSED:
        os.execv(sys.executable, [sys.executable, "-m", *command])
    if not status:
        sys.exit("error: the process that this job was forked from has ended. Run it again.")
    code = os.waitstatus_to_exitcode(int(status))
    sys.exit(code if code >= 0 else 128 - code)


def asked(server: socket.socket, command: list[str]) -> bytes:
    """Send a job and wait; what the server says of it, nothing if it ended."""
    job = {"command": command, "folder": os.getcwd(), "environment": dict(os.environ)}
    socket.send_fds(server, [b"\n"], [0, 1, 2])
    server.sendall(json.dumps(job).encode() + b"\n")
    return server.recv(16)


def is_mine(other: socket.socket) -> bool:
    """Whether the process at the other end is of the same user: anyone can reach the socket."""
    credentials = other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", credentials)[1] == os.getuid()


def serve(listener: socket.socket, preload: str) -> str:
    """Fork a child per job, until standard input ends; returns in each child.

    Args:
        listener: where jobs are asked for.
        preload: module that imports what they need.

    Returns:
        The package that the child has to run.
    """
    children: dict[int, tuple[int, socket.socket]] = {}  # by process descriptor: id, who asked
    loaded = None
    while True:
        clients = {client.fileno(): child for child, (_, client) in children.items()}
        ready = select.select([0, listener.fileno(), *clients, *children], [], [])[0]
        if 0 in ready:
            os._exit(0)  # at once: tidying up so much memory takes a while
        for gone in clients.keys() & ready:
            signal.pidfd_send_signal(clients[gone], signal.SIGKILL)
        for ended in children.keys() & ready:
            pid, client = children.pop(ended)
            os.close(ended)
            tell(client, str(os.waitpid(pid, 0)[1]).encode())
        if listener.fileno() not in ready:
            continue
        client = listener.accept()[0]
        job = received(client) if is_mine(client) else None
        if job is None:
            client.close()
            continue
        if loaded is None:
            loaded = load(preload, job, client)
        if loaded != at_load(job["environment"]):
            tell(client, REFUSED)
        elif pid := os.fork():
            children[os.pidfd_open(pid)] = pid, client
        else:
            for open_here in (listener, client, *(other for _, other in children.values())):
                open_here.close()
            return become(job)
        for file in job["files"]:
            os.close(file)


def received(client: socket.socket) -> dict[str, Any] | None:
    """The job that a client asks for, with its open files; None if there is none to be run."""
    files = socket.recv_fds(client, 1, 3)[1]
    with client.makefile("rb") as sent:
        text = sent.readline()
    return {**json.loads(text), "files": files} if text.endswith(b"\n") else None


def load(preload: str, job: dict[str, Any], client: socket.socket) -> dict[str, str]:
    """Import what all jobs need as the first would; returns what of its environment stays."""
    adopt(job)
    try:
        import_module(preload)
    except BaseException:
        tell(client, REFUSED)
        raise
    gc.freeze()  # what no child collects stays in memory that all share
    return at_load(job["environment"])


def at_load(environment: dict[str, str]) -> dict[str, str]:
    """What of an environment cannot change after the imports."""
    return {name: value for name, value in environment.items() if name.endswith(AT_LOAD)}


def adopt(job: dict[str, Any]) -> None:
    """Take the folder and the environment of a job."""
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    if not sys.flags.safe_path:
        sys.path[0] = job["folder"]


def become(job: dict[str, Any]) -> str:
    """Be in a child what the job would be on its own; returns the package to be run."""
    from ctypes import CDLL

    server = os.getppid()
    CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    adopt(job)
    for number, file in enumerate(job["files"]):
        os.dup2(file, number)
        os.close(file)
    package, *sys.argv[1:] = job["command"]
    return package


def tell(client: socket.socket, status: bytes) -> None:
    """Answer a client, which may have gone away."""
    with client, contextlib.suppress(OSError):
        client.sendall(status)


if __name__ == "__main__":
    role, first, *rest = sys.argv[1:]
    if role == "ask":
        ask(first, rest)
    else:
        package = serve(socket.socket(fileno=int(first)), *rest)
        runpy.run_module(package, run_name="__main__", alter_sys=True)
