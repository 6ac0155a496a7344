"""One address to its body, or to the reason why there is none; patient, but never without limit."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from types import TracebackType
from typing import Annotated, Self

import httpcore
import httpx
from typer import Option

from preprocessing.datasets.amazon.fetch_hosts import ForbiddenAddressError, Host, PublicNetwork

SCHEMES = frozenset({"http", "https"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What a server says when it is late or busy, not when a picture is gone; from 500 on it is down.
BUSY = frozenset({408, 425, 429})
DOWN = 500
CONNECT_SECONDS = 10.0
# An error page up to this size is read to its end, since that keeps the connection.
ERROR_PAGE_BYTES = 64 * 1024

BAD_ADDRESS = "not an http(s) address"
NOT_PUBLIC = "host not allowed: not of the public internet"
GIVEN_UP = "host given up"
TIMED_OUT = "no answer in time"
NO_CONNECTION = "connection failed"
TOO_LARGE = "larger than the limit"
REDIRECT_LOOP = "redirect loop"
TOO_MANY_REDIRECTS = "too many redirects"
AFTER_RETRIES = " after retries"


class Again(Enum):
    """When an address that failed is worth asking again."""

    AT_ONCE = "after a back-off"
    NEXT_RUN = "in the next run"
    ON_REQUEST = "only if the operator asks for it"


class FetchError(Exception):
    """No body; `reason` is short, the same for all addresses that fail alike.

    Args:
        reason: what the record says.
        again: when to ask again.
        wait: seconds that the server asks for, at least.
    """

    def __init__(self, reason: str, again: Again = Again.ON_REQUEST, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wait = reason, again, wait


@dataclass(frozen=True)
class Limits:
    """What a fetch may cost others and us."""

    connections: Annotated[
        int, Option(min=1, help="Pictures in work at the same time, over all hosts")
    ] = 24
    connections_per_host: Annotated[
        int, Option("--per-host", min=1, help="Requests at the same time to one host")
    ] = 6
    requests_per_second: Annotated[
        float, Option(min=0, help="Requests per second to one host; 0 = no limit of its own")
    ] = 0.0
    max_bytes: Annotated[int, Option(min=1, help="Bytes of one download; reading stops there")] = (
        10_000_000
    )
    timeout: Annotated[
        float, Option(min=0.01, help="Seconds for one request, from connecting to the last byte")
    ] = 30.0
    tries: Annotated[int, Option(min=1, help="Tries of one address, the first included")] = 4
    backoff: Annotated[
        float,
        Option(min=0, help="Most seconds before the second try; doubles with each further one"),
    ] = 1.0
    max_wait: Annotated[
        float, Option(min=0, help="Seconds of waiting; a host that asks for more is given up")
    ] = 60.0
    redirects: Annotated[int, Option(min=0, help="Redirects that are followed at most")] = 5


@dataclass
class Journey:
    """What one address has cost so far: requests sent, bytes of body read, and the last host."""

    requests: int = 0
    received: int = 0
    host: Host | None = field(default=None, repr=False)


class Downloader:
    """Asks hosts with manners; open it with `async with`.

    Proxies are not used: through one, the address that is reached could not be checked.

    Args:
        limits: what it may cost.
        user_agent: by which operators of the hosts know who asks.
        allowed_hosts: names that may stand for private addresses.
    """

    def __init__(self, limits: Limits, user_agent: str, allowed_hosts: frozenset[str]) -> None:
        self.limits = limits
        # "identity": a compressed body could unpack to far more than the limit.
        self._headers = [
            ("User-Agent", user_agent),
            ("Accept", "image/*"),
            ("Accept-Encoding", "identity"),
        ]
        self._hosts: dict[str, Host] = {}
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=limits.connections,
            network_backend=PublicNetwork(allowed_hosts),
        )

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def body(self, url: str, journey: Journey) -> bytes:
        """What lies at `url`, asked for again while that is worth it.

        Raises:
            FetchError: the reason of the last try.
        """
        tries = 1
        while True:
            try:
                return await self._follow(url, journey)
            except FetchError as error:
                if error.again is not Again.AT_ONCE:
                    raise
                assert journey.host is not None
                if error.wait > self.limits.max_wait:
                    journey.host.give_up()
                elif tries < self.limits.tries:
                    journey.host.pause(error.wait)
                    await asyncio.sleep(error.wait + self._jitter(tries))
                    tries += 1
                    continue
                journey.host.failed()
                raise FetchError(error.reason + AFTER_RETRIES, Again.NEXT_RUN) from None

    def _jitter(self, tries: int) -> float:
        """Seconds, random so that those that failed together do not come back together."""
        return random.uniform(0, min(self.limits.max_wait, self.limits.backoff * 2 ** (tries - 1)))

    async def _follow(self, url: str, journey: Journey) -> bytes:
        """The body behind all redirects; each is checked like the first address."""
        seen: set[str] = set()
        target = _target(url)
        for _ in range(self.limits.redirects + 1):
            if str(target) in seen:
                raise FetchError(REDIRECT_LOOP)
            seen.add(str(target))
            found = await self._ask(target, journey)
            if isinstance(found, bytes):
                return found
            target = _target(found, base=target)
        raise FetchError(TOO_MANY_REDIRECTS)

    async def _ask(self, target: httpx.URL, journey: Journey) -> bytes | str:
        """One request: the body, or where the server redirects to."""
        journey.host = host = self._host(target)
        async with host.turn():
            if host.given_up:
                raise FetchError(GIVEN_UP, Again.NEXT_RUN)
            journey.requests += 1
            try:
                async with asyncio.timeout(self.limits.timeout):
                    return await self._exchange(target, host, journey)
            except ForbiddenAddressError:
                raise FetchError(NOT_PUBLIC, Again.NEXT_RUN) from None
            except (TimeoutError, httpcore.TimeoutException):
                raise FetchError(TIMED_OUT, Again.AT_ONCE) from None
            except httpcore.LocalProtocolError:
                raise FetchError(BAD_ADDRESS) from None
            except (httpcore.NetworkError, httpcore.RemoteProtocolError, OSError):
                raise FetchError(NO_CONNECTION, Again.AT_ONCE) from None

    async def _exchange(self, target: httpx.URL, host: Host, journey: Journey) -> bytes | str:
        address = httpcore.URL(
            scheme=target.raw_scheme,
            host=target.raw_host,
            port=target.port,
            target=target.raw_path,
        )
        timeouts = {"timeout": {"connect": min(CONNECT_SECONDS, self.limits.timeout)}}
        async with self._pool.stream(
            "GET", address, headers=self._headers, extensions=timeouts
        ) as response:
            fields = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            if not is_busy(response.status):
                host.answered()
            if response.status == 200:
                return await _read(response, fields, self.limits.max_bytes, journey)
            with suppress(FetchError):
                await _read(response, fields, ERROR_PAGE_BYTES, Journey())
            return _elsewhere(response.status, fields)

    def _host(self, target: httpx.URL) -> Host:
        limits = self.limits
        if target.host not in self._hosts:
            self._hosts[target.host] = Host(
                target.host, limits.connections_per_host, limits.requests_per_second
            )
        return self._hosts[target.host]


def _target(address: str, base: httpx.URL | None = None) -> httpx.URL:
    """An address to ask, without any name or password in it."""
    try:
        url = base.join(address) if base else httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        raise FetchError(BAD_ADDRESS) from None
    if url.scheme not in SCHEMES or not url.host:
        raise FetchError(BAD_ADDRESS)
    return url.copy_with(userinfo=b"", fragment=None)


async def _read(
    response: httpcore.Response, fields: dict[bytes, str], limit: int, journey: Journey
) -> bytes:
    """The body, unless it is, or says that it is, larger than `limit` bytes."""
    length = fields.get(b"content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise FetchError(TOO_LARGE)
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        journey.received += len(chunk)
        if len(body) > limit:
            raise FetchError(TOO_LARGE)
    return bytes(body)


def is_busy(status: int) -> bool:
    """Whether an answer may be another one later.

    >>> [is_busy(status) for status in (429, 503, 520, 404, 410)]
    [True, True, True, False, False]
    """
    return status in BUSY or status >= DOWN


def _elsewhere(status: int, fields: dict[bytes, str]) -> str:
    """Where a redirect leads; any other status is a failure."""
    if status in REDIRECTS and b"location" in fields:
        return fields[b"location"]
    if is_busy(status):
        wait = retry_after(fields.get(b"retry-after", ""))
        raise FetchError(f"HTTP {status}", Again.AT_ONCE, wait)
    raise FetchError(f"HTTP {status}")


def retry_after(value: str) -> float:
    """Seconds that a Retry-After field asks for: a number or a date; 0 for anything else.

    >>> retry_after("120"), retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), retry_after("soon")
    (120.0, 0.0, 0.0)
    """
    if value.strip().isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
