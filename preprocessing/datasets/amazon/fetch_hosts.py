"""How hosts are treated: which addresses may be reached at all, and how often each is asked."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import httpcore

log = logging.getLogger(__name__)

# After this many addresses in a row that failed for the host's sake (429, 5xx, no connection,
# no answer in time), each after all its retries, a host counts as down for the rest of the run.
GIVE_UP_AFTER = 20


class ForbiddenAddressError(Exception):
    """A host name stands for an address that is not of the public internet."""


class PublicNetwork(httpcore.AsyncNetworkBackend):
    """Connections to public addresses only, but for hosts that are allowed by name.

    A list of addresses from the web, and every redirect, is a stranger's word: without this check
    it could name services inside the network of this machine. The check is made on the very
    address that is then connected to, so a name server cannot change its mind in between.
    """

    def __init__(self, allowed_hosts: frozenset[str] = frozenset()) -> None:
        self._allowed = allowed_hosts
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of `host` that answers.

        Raises:
            ForbiddenAddressError: one of its addresses is not public.
            httpcore.ConnectError: it has no address, or none answers.
        """
        addresses = await _addresses(host, port)
        if host not in self._allowed and not all(map(is_public, addresses)):
            raise ForbiddenAddressError
        problem: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: a local socket is not the public internet."""
        raise ForbiddenAddressError

    async def sleep(self, seconds: float) -> None:
        """Wait, as the interface demands."""
        await self._inner.sleep(seconds)


async def _addresses(host: str, port: int) -> list[str]:
    """The distinct IP addresses of a host name, best first."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also where IPv6 wraps an IPv4 one.

    >>> [is_public(a) for a in ("8.8.8.8", "127.0.0.1", "10.1.2.3", "169.254.169.254", "::1")]
    [True, False, False, False, False]
    >>> [is_public(a) for a in ("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::")]
    [False, False, False]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        translated = ip in ipaddress.ip_network("64:ff9b::/96")
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if translated else None
        ip = ip.ipv4_mapped or ip.sixtofour or inner or ip
    return ip.is_global and not ip.is_multicast


class Host:
    """The manners towards one host.

    Args:
        name: of the host.
        connections: requests at the same time.
        requests_per_second: started at most; 0 for no limit.
    """

    def __init__(self, name: str, connections: int, requests_per_second: float) -> None:
        self.name = name
        self._slots = asyncio.Semaphore(connections)
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next_start = 0.0
        self._failed_in_a_row = 0
        self.given_up = False

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one of the host's connections, begun when the rate and its wishes allow."""
        async with self._slots:
            loop = asyncio.get_running_loop()
            while (wait := self._next_start - loop.time()) > 0:
                await asyncio.sleep(wait)
            self._next_start = loop.time() + self._interval
            yield

    def pause(self, seconds: float) -> None:
        """Ask nothing of this host for a while, as its Retry-After wishes."""
        resume = asyncio.get_running_loop().time() + seconds
        self._next_start = max(self._next_start, resume)

    def answered(self) -> None:
        """The host is up: it sent what was wanted, or said that it never will."""
        self._failed_in_a_row = 0

    def failed(self) -> None:
        """An address failed after all its retries, for the host's sake."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            self.give_up()

    def give_up(self) -> None:
        """Ask this host nothing more in this run."""
        if not self.given_up:
            log.warning("%s is given up for this run: it does not answer, or is busy", self.name)
        self.given_up = True
