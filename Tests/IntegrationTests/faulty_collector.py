"""An OTLP collector that behaves as a test says: well, badly, or not at all. HTTP/1.1 over asyncio, written by hand; gRPC by grpcio.

What it takes it decodes with PyPI's opentelemetry-proto, so with messages that nobody here wrote.
"""
import asyncio
import base64
import concurrent.futures
import functools
import gzip
import json
import pathlib
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from conftest import free_port


def decode(headers, body):
    """The request in a body as the specification has it; JSON must hold ids in hexadecimal and enums as numbers."""
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if headers["content-type"] == "application/x-protobuf":
        return ExportTraceServiceRequest.FromString(body)
    assert headers["content-type"] == "application/json", headers
    tree = json.loads(body)
    for resource in tree["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                assert isinstance(span["kind"], int) and isinstance(span["startTimeUnixNano"], str)
                for holder in [span] + span.get("links", []):
                    for key in ("traceId", "spanId", "parentSpanId"):
                        if key in holder:  # protobuf's own mapping has bytes in base64
                            holder[key] = base64.b64encode(bytes.fromhex(holder[key])).decode()
    return json_format.ParseDict(tree, ExportTraceServiceRequest())


class Received:
    """What a collector took."""

    def __init__(self):
        self.requests = []
        self.headers = []
        self.times = []

    def take(self, request, headers):
        self.requests.append(request)
        self.headers.append(headers)
        self.times.append(time.monotonic())

    @property
    def spans(self):
        return [span for request in list(self.requests) for resource in request.resource_spans
                for scope in resource.scope_spans for span in scope.spans]


class RawServer:
    """A TCP server on a thread of its own; `serve` is called as a coroutine with (server, reader, writer) for each connection."""

    def __init__(self, serve, port=None, context=None):
        self.serve = serve
        self.connections = 0
        self.loop = asyncio.new_event_loop()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port or free_port()))
        self.port = self.socket.getsockname()[1]
        self.writers = set()
        started = threading.Event()

        async def start():
            self.server = await asyncio.start_server(self._serve, sock=self.socket, ssl=context, limit=1 << 26)
            started.set()

        self.loop.create_task(start())
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        assert started.wait(5)

    async def _serve(self, reader, writer):
        self.connections += 1
        self.writers.add(writer)
        try:
            await self.serve(self, reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    def close(self):
        def end():
            self.server.close()
            for writer in list(self.writers):
                writer.transport.abort()
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.call_later(0.05, self.loop.stop)

        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(end)
            self.thread.join(5)
            self.socket.close()


class HTTPCollector(Received):
    """`behave` is called as a coroutine with (collector, reader, writer, headers, body) for each request, and may be changed at any time."""

    def __init__(self, behave=None, port=None, context=None):
        super().__init__()
        self.behave = behave or well
        self.asked = 0
        self.context = context
        self.server = RawServer(self._serve, port, context)
        self.port = self.server.port

    @property
    def connections(self):
        return self.server.connections

    @property
    def url(self):
        return "%s://%s:%d/v1/traces" % ("https" if self.context else "http", "localhost" if self.context else "127.0.0.1",
                                         self.port)

    async def _serve(self, server, reader, writer):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:] if line)}
            headers[":line"] = lines[0]
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.asked += 1
            await self.behave(self, reader, writer, headers, body)
            await writer.drain()

    def close(self):
        self.server.close()


def response(status, body=b"", *headers):
    return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n" % (
        status, len(body), "".join(h + "\r\n" for h in headers))).encode() + body


# Behaviours.

async def well(collector, reader, writer, headers, body):
    collector.take(decode(headers, body), headers)
    kind = headers["content-type"]
    writer.write(response("200 OK", b"{}" if kind == "application/json" else b"", "Content-Type: " + kind))


def says(status, *headers, body=b"no"):
    async def behave(collector, reader, writer, request_headers, request_body):
        writer.write(response(status, body, "Content-Type: text/plain", *headers))
    return behave


def partly(rejected, message):
    async def behave(collector, reader, writer, headers, body):
        collector.take(decode(headers, body), headers)
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = rejected
        answer.partial_success.error_message = message
        writer.write(response("200 OK", answer.SerializeToString(), "Content-Type: application/x-protobuf"))
    return behave


async def never(collector, reader, writer, headers, body):
    await asyncio.sleep(3600)


async def drop_by_drop(collector, reader, writer, headers, body):
    """Every drop comes well within any read time-out; the whole never."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100000):
        writer.write(b"\x00")
        await writer.drain()
        await asyncio.sleep(0.05)


def cut_off(writer):
    """Ends a connection with a reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def reset(status="200 OK"):
    """Half of an answer, then a reset."""
    async def behave(collector, reader, writer, headers, body):
        writer.write(("HTTP/1.1 %s\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\nhalf of it" % status).encode())
        await writer.drain()
        # The half is to arrive: what a reset overtakes is lost in the peer's kernel.
        await asyncio.sleep(0.05)
        cut_off(writer)
    return behave


async def garbage(collector, reader, writer, headers, body):
    collector.take(decode(headers, body), headers)
    writer.write(response("200 OK", b"<html>\xff\xfe" + bytes(range(256)), "Content-Type: application/x-protobuf"))


async def broken(collector, reader, writer, headers, body):
    """Says that it is packed, and is not."""
    collector.take(decode(headers, body), headers)
    writer.write(response("200 OK", b"\x1f\x8b\x08 no gzip at all", "Content-Type: application/x-protobuf", "Content-Encoding: gzip"))


async def not_http(collector, reader, writer, headers, body):
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 20)


async def too_long(collector, reader, writer, headers, body):
    writer.write(response("200 OK", b"\n" * (5 << 20), "Content-Type: application/x-protobuf"))


async def endless(collector, reader, writer, headers, body):
    """Mebibyte after mebibyte, as fast as they are taken."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"100000\r\n" + b"\n" * (1 << 20) + b"\r\n")
        await writer.drain()


@functools.cache
def packed_zeros(mebibytes=256):
    """256 MiB in 256 KiB."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(deflate.compress(bytes(1 << 20)) for _ in range(mebibytes)) + deflate.flush()


async def bomb(collector, reader, writer, headers, body):
    writer.write(response("200 OK", packed_zeros(), "Content-Type: application/x-protobuf", "Content-Encoding: gzip"))


class GRPCCollector(Received):
    """`behave` is called with (collector, request, context) and returns an answer, or ends the call by the context."""

    EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

    def __init__(self, behave=None, port=None, credentials=None):
        super().__init__()
        self.asked = 0
        self.behave = behave or (lambda collector, request, context: ExportTraceServiceResponse())
        collector = self

        class Handler(grpc.GenericRpcHandler):
            def service(self, details):
                if details.method != GRPCCollector.EXPORT:
                    return None
                return grpc.unary_unary_rpc_method_handler(
                    collector._export, request_deserializer=ExportTraceServiceRequest.FromString,
                    response_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString())

        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=(Handler(),),
                                  options=[("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1),
                                           ("grpc.max_receive_message_length", -1)])
        address = "127.0.0.1:%d" % (port or free_port())
        self.secure = credentials is not None
        self.port = (self.server.add_secure_port(address, credentials) if credentials
                     else self.server.add_insecure_port(address))
        assert self.port
        self.server.start()

    @property
    def url(self):
        return "https://localhost:%d" % self.port if self.secure else "http://127.0.0.1:%d" % self.port

    def _export(self, request, context):
        self.asked += 1
        answer = self.behave(self, request, context)
        self.take(request, dict(context.invocation_metadata()))
        return answer

    def close(self):
        self.server.stop(0).wait(5)


class HTTP2Collector:
    """Speaks just enough HTTP/2 to fail in the middle of an answer to a gRPC call, which grpcio can't: a header block and as much of the
    message as `behave`, a coroutine that is called with (writer), sends."""

    SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    # :status 200 (indexed), content-type application/grpc (literal, name indexed), grpc-encoding gzip (literal): RFC 7541.
    HEADERS = b"\x88\x5f\x10application/grpc"
    PACKED = b"\x00\x0dgrpc-encoding\x04gzip"

    def __init__(self, behave, packed=False):
        self.asked = 0

        async def serve(collector, reader, writer):
            preface = await reader.readexactly(24)
            assert preface.startswith(b"PRI * HTTP/2.0")
            writer.write(self.SETTINGS)
            while True:
                head = await reader.readexactly(9)
                await reader.readexactly(int.from_bytes(head[:3], "big"))
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
                if kind == 4 and not flags & 1:
                    writer.write(b"\x00\x00\x00\x04\x01\x00\x00\x00\x00")
                if kind in (0, 1) and flags & 1:  # the end of a request
                    self.asked += 1
                    writer.write(self.frame(1, 4, stream, self.HEADERS + self.PACKED * packed))
                    await behave(functools.partial(self.frame, 0, 0, stream), writer)

        self.plain = RawServer(serve)
        self.port = self.plain.port

    @staticmethod
    def frame(kind, flags, stream, payload):
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    def close(self):
        self.plain.close()


async def slow_message(data, writer):
    """The first bytes of a message of 100000, one at a time."""
    for byte in b"\x00\x00\x01\x86\xa0" + bytes(10000):
        writer.write(data(bytes([byte])))
        await writer.drain()
        await asyncio.sleep(0.05)


async def broken_message(data, writer):
    """A whole message that says that it is packed, and is not."""
    writer.write(data(b"\x01\x00\x00\x00\x12not packed by gzip"))


async def short_message(data, writer):
    """One that was packed and whose last bytes are missing."""
    packed = gzip.compress(bytes(5000))[:-12]
    writer.write(data(b"\x01" + len(packed).to_bytes(4, "big") + packed))


async def cut_message(data, writer):
    writer.write(data(b"\x00\x00\x00\x00\x20half of it"))
    await writer.drain()
    await asyncio.sleep(0.05)
    cut_off(writer)


class Certificates:
    """A certificate authority of our own, made with openssl, and certificates of it: good, expired, for another name."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key",
                 "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2")
        for name in ("index.txt", "index.txt.attr"):
            (self.directory / name).write_text("")
        (self.directory / "serial").write_text("01\n")
        (self.directory / "ca.cnf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ncertificate=ca.pem\n"
            "private_key=ca.key\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n")
        self.make("good", "localhost", "20200101000000Z", "20491231000000Z")
        self.make("expired", "localhost", "20200101000000Z", "20210101000000Z")
        self.make("other", "elsewhere.invalid", "20200101000000Z", "20491231000000Z")

    def run(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)

    def make(self, name, host, start, end):
        self.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                 name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + host)
        self.run("ca", "-batch", "-config", "ca.cnf", "-notext", "-in", name + ".csr", "-out", name + ".pem", "-startdate",
                 start, "-enddate", end)

    @property
    def authority(self):
        return str(self.directory / "ca.pem")

    def context(self, name, client=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / (name + ".pem"), self.directory / (name + ".key"))
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority)
        return context

    def credentials(self, name, client=False):
        pair = (self.directory / (name + ".key")).read_bytes(), (self.directory / (name + ".pem")).read_bytes()
        authority = pathlib.Path(self.authority).read_bytes() if client else None
        return grpc.ssl_server_credentials([pair], authority, client)
