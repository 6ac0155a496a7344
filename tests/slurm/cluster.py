"""A Slurm of one machine, on loopback, for tests: from Debian's packages, without systemd.

    apt-get install slurm-wlm munge

The machine stands for two nodes. All files lie in one folder, and the daemons end with `stop`.
Memory limits are enforced by the accounting of processes, as not every system lets control groups
be made; GPUs are made up. For `sacct`, which tests do without, `python -m tests.slurm.cluster
FOLDER` also starts a database where `slurmdbd` and `mariadb-server` are installed, and keeps the
cluster until it is interrupted or terminated.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

DAEMONS = ("munged", "mungekey", "slurmctld", "slurmd", "srun")
# The first one's name is found without a name server, as those of real nodes are.
NODES = (socket.gethostname(), f"{socket.gethostname()}-2")

CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=300
KillWait=2
GresTypes=gpu
DefMemPerCPU=200
{accounting}
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=8000"
    " Gres=gpu:2 State=UNKNOWN"
)
DATABASE = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={ports[1]}
SlurmUser={user}
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports[2]}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
CommunicationParameters=NoInAddrAny
"""


def missing() -> str | None:
    """What the machine lacks for a cluster, and how to get it."""
    if lacking := [name for name in DAEMONS if not shutil.which(name, path=path())]:
        return f"no {', '.join(lacking)}: apt-get install slurm-wlm munge"
    if os.getuid():
        return "Slurm's daemons start jobs for others, so only root can start them"
    return None


def path() -> str:
    """PATH with the folders of daemons."""
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """A cluster in an empty folder; `start` it, and run commands with its `environment`."""

    def __init__(self, folder: Path, *, accounting: bool = False) -> None:
        self.folder, self.accounting = folder, accounting
        self.daemons: list[subprocess.Popen] = []
        folder.mkdir(parents=True, exist_ok=True)
        # Snakemake's plugin takes SLURM_CONF away from a job that starts a step.
        (folder / "bin").mkdir(exist_ok=True)
        srun = folder / "bin/srun"
        srun.write_text(
            f'#!/bin/sh\nexport SLURM_CONF={folder}/slurm.conf\nexec {shutil.which("srun")} "$@"\n'
        )
        srun.chmod(0o755)
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(folder / "bin"), path()]),
        }

    def start(self) -> None:
        """Start all daemons and wait until jobs can be run."""
        host, ports = socket.gethostname(), free_ports(3 + len(NODES))
        told = {
            "host": host,
            "ports": ports,
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "folder": self.folder,
        }
        nodes = [
            NODE.format(name=name, host=host, port=port)
            for name, port in zip(NODES, ports[3:], strict=True)
        ]
        accounting = (
            "AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\n"
            f"AccountingStoragePort={ports[1]}\nAccountingStoragePass={self.folder}/munge.socket"
            if self.accounting
            else "AccountingStorageType=accounting_storage/none"
        )
        conf = CONF.format(**told, nodes="\n".join(nodes), accounting=accounting)
        (self.folder / "slurm.conf").write_text(conf)
        (self.folder / "state").mkdir()
        gres = [f"NodeName={name} Name=gpu File=/dev/zero,/dev/full\n" for name in NODES]
        (self.folder / "gres.conf").write_text("".join(gres))
        key = self.folder / "munge.key"
        self.run("mungekey", "--create", f"--keyfile={key}")
        self.daemon(
            *("munged", "--foreground", "--force", f"--key-file={key}", "--num-threads=2"),
            *(f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid"),
            *(f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munged.seed"),
            "--origin=127.0.0.1",
        )
        if self.accounting:
            self.start_database(told)
        self.daemon("slurmctld", "-D")
        self.wait("scontrol", "ping")
        for name in NODES:
            (self.folder / f"spool-{name}").mkdir()
            self.daemon("slurmd", "-D", "-N", name, "-d", shutil.which("slurmstepd", path=path()))
        self.wait("srun", "--nodes", str(len(NODES)), "true")

    def start_database(self, told: dict) -> None:
        """MariaDB, and what writes into it what became of jobs."""
        data, port, sock = self.folder / "database", told["ports"][2], self.folder / "mysql.socket"
        self.run(
            *("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root"),
            *("--skip-test-db", "--auth-root-authentication-method=normal"),
        )
        self.daemon(
            *("mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={sock}"),
            *("--bind-address=127.0.0.1", f"--port={port}", "--innodb-lock-wait-timeout=900"),
        )
        client = ("mariadb", "--no-defaults", "-S", str(sock), "-u", "root", "-e")
        self.wait(*client, "select 1")
        self.run(*client, "create user slurm@127.0.0.1 identified by 'slurm'")
        self.run(*client, "create user slurm@localhost identified by 'slurm'")
        self.run(*client, "create database slurm")
        self.run(*client, "grant all on slurm.* to slurm@127.0.0.1")
        self.run(*client, "grant all on slurm.* to slurm@localhost")
        conf = self.folder / "slurmdbd.conf"
        conf.write_text(DATABASE.format(**told))
        conf.chmod(0o600)
        self.daemon("slurmdbd", "-D")
        self.wait("sacctmgr", "-n", "show", "cluster")
        self.run("sacctmgr", "-i", "add", "cluster", "tests")
        self.run("sacctmgr", "-i", "add", "account", "lab", "Description=lab", "Organization=lab")
        self.run("sacctmgr", "-i", "add", "user", told["user"], "account=lab")

    def run(self, *command: str, check: bool = True) -> str:
        """What a command of the cluster prints."""
        environment = os.environ | self.environment
        done = subprocess.run(
            command,
            env=environment,
            check=check,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return done.stdout

    def daemon(self, *command: str) -> None:
        """Start what runs until the cluster is stopped."""
        log = (self.folder / f"{Path(command[0]).name}.out").open("a")
        self.daemons.append(
            subprocess.Popen(
                command,
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        )

    def wait(self, *command: str, seconds: float = 30) -> None:
        """Repeat a command until it succeeds."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.run("timeout", "5", *command)
                return
            except subprocess.CalledProcessError as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{command}: {error.stdout}; see {self.folder}") from None
                time.sleep(0.2)

    def stop(self) -> None:
        """Cancel all jobs and end all daemons."""
        self.run("scancel", "--user", pwd.getpwuid(os.getuid()).pw_name, check=False)
        time.sleep(1)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cluster = Cluster(Path(sys.argv[1]).resolve(), accounting=bool(shutil.which("slurmdbd")))
    try:
        cluster.start()
        for name, value in cluster.environment.items():
            print(f"export {name}={value}", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        cluster.stop()
