"""A web server on the loopback that has every fault a server of pictures can have."""

import io
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from tests.reading.files import bomb

HUGE_BYTES = 200_000_000


def encoded(kind: str, mode: str, size: tuple[int, int], colour: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind)
    return file.getvalue()


def colour_of(number: int) -> tuple[int, int, int]:
    return number * 7 % 256, number * 13 % 256, number * 29 % 256


def jpeg(number: int) -> bytes:
    return encoded("JPEG", "RGB", (400, 300), colour_of(number))


class PictureServer(ThreadingHTTPServer):
    """Answers by path, and remembers what was asked, when, and how much was sent."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.times: list[tuple[str, float]] = []
        self.agents: set[str | None] = set()
        self.sent_huge = 0
        self.delay = 0.0
        self.now = self.most_at_once = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away early is no error here."""


class Handler(BaseHTTPRequestHandler):
    server: PictureServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server, path = self.server, self.path.strip("/")
        with server.lock:
            server.asked[path] += 1
            server.times.append((path, time.monotonic()))
            server.agents.add(self.headers["User-Agent"])
            server.now += 1
            server.most_at_once = max(server.now, server.most_at_once)
        time.sleep(server.delay)
        try:
            name, _, rest = path.partition("?")[0].partition("/")
            getattr(self, f"get_{name.replace('-', '_')}")(rest, server.asked[path])
        finally:
            with server.lock:
                server.now -= 1

    def answer(self, body: bytes, status: int = 200, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def get_good(self, rest: str, _: int) -> None:
        self.answer(jpeg(int(rest)))

    def get_slow(self, rest: str, _: int) -> None:
        body = jpeg(int(rest))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for start in range(0, len(body), 500):
            self.wfile.write(body[start : start + 500])
            time.sleep(0.05)

    def get_stuck(self, *_: object) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.server.closing.wait(20)

    def get_drop(self, *_: object) -> None:
        self.hang_up()

    def get_drop_once(self, rest: str, time_asked: int) -> None:
        self.hang_up() if time_asked == 1 else self.answer(jpeg(int(rest)))

    def get_cut(self, *_: object) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(jpeg(1)[:500])
        self.wfile.flush()
        self.hang_up()

    def get_status(self, rest: str, _: int) -> None:
        self.answer(b"sorry", int(rest))

    def get_status_once(self, rest: str, time_asked: int) -> None:
        self.answer(b"sorry", int(rest)) if time_asked == 1 else self.answer(jpeg(int(rest)))

    def get_busy_once(self, rest: str, time_asked: int) -> None:
        if time_asked == 1:
            self.answer(b"later", 429, Retry_After=rest)
        else:
            self.answer(jpeg(1))

    def get_busy(self, rest: str, _: int) -> None:
        self.answer(b"later", 429, Retry_After=rest)

    def get_page(self, *_: object) -> None:
        self.answer(b"<!DOCTYPE html><p>Not here</p>" * 50, Content_Type="image/jpeg")

    def get_huge(self, *_: object) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(HUGE_BYTES))
        self.end_headers()
        self.send_huge(lambda block: block)

    def get_endless(self, *_: object) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.send_huge(lambda block: b"%x\r\n%s\r\n" % (len(block), block))

    def send_huge(self, framed: object) -> None:
        block = framed(jpeg(1)[:1000] + bytes(99_000))
        for _ in range(HUGE_BYTES // 100_000):
            self.wfile.write(block)
            self.server.sent_huge += len(block)

    def get_loop(self, rest: str, _: int) -> None:
        self.answer(b"", 302, Location="/loop/b" if rest == "a" else "/loop/a")

    def get_chain(self, rest: str, _: int) -> None:
        self.answer(b"", 301, Location=f"/chain/{int(rest) + 1}")

    def get_moved(self, rest: str, _: int) -> None:
        self.answer(b"", 302, Location=f"../good/{rest}")

    def get_to_private(self, *_: object) -> None:
        self.answer(b"", 302, Location=f"http://localhost:{self.server.server_port}/good/1")

    def get_to_file(self, *_: object) -> None:
        self.answer(b"", 302, Location="file:///etc/passwd")

    def get_truncated(self, *_: object) -> None:
        body = encoded("PNG", "RGB", (400, 300), "red")
        self.answer(body[: len(body) // 2])

    def get_truncated_jpeg(self, *_: object) -> None:
        noise = Image.effect_noise((400, 300), 80)
        file = io.BytesIO()
        noise.save(file, "JPEG")
        self.answer(file.getvalue()[:5000])

    def get_bomb(self, *_: object) -> None:
        self.answer(bomb(9000))

    def get_pixel(self, *_: object) -> None:
        self.answer(encoded("GIF", "P", (1, 1), 0))
