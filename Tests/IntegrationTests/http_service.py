"""A small HTTP service on asyncio for tests, in a thread of its own: what a path asks for is done, and every request is kept.

/slow/SECONDS waits, /hold waits for `release()`, /status/N answers N, /size/N sends N bytes, /echo sends back method, headers and body, /stall sends a
head and half of its body and then nothing, /drop closes. An open connection that the client closes is counted.
"""
import asyncio
import threading


class Service:
    def __init__(self, tls=None):
        self.requests = []
        self.waiting = 0
        self.waiting_max = 0
        self.gone = 0
        self.loop = asyncio.new_event_loop()
        started = threading.Event()

        async def listen():
            self.released = asyncio.Event()
            self.server = await asyncio.start_server(self._client, "127.0.0.1", 0, ssl=tls, backlog=4096)
            self.port = self.server.sockets[0].getsockname()[1]
            started.set()

        def run():
            asyncio.set_event_loop(self.loop)
            self.loop.create_task(listen())
            self.loop.run_forever()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        assert started.wait(5)
        self.url = "%s://127.0.0.1:%d" % ("https" if tls else "http", self.port)

    def release(self):
        """Answers everybody who was held."""
        self.loop.call_soon_threadsafe(self.released.set)

    def close(self):
        async def end():
            self.server.close()
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(5)

    async def _client(self, reader, writer):
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _request(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = [tuple(p.strip() for p in line.split(":", 1)) for line in lines[1:] if line]
        length = int(dict((n.lower(), v) for n, v in headers).get("content-length", 0))
        body = (await reader.readexactly(length)).decode()
        self.requests.append((method, path, headers, body))
        words = path.strip("/").split("/")
        status, kind, answer = 200, "text/plain", b"fine"
        if words[0] in ("slow", "hold"):
            self.waiting += 1
            self.waiting_max = max(self.waiting_max, self.waiting)
            closed = asyncio.ensure_future(reader.read(1))
            if words[0] == "slow":
                done, _ = await asyncio.wait([closed], timeout=float(words[1]))
            else:
                released = asyncio.ensure_future(self.released.wait())
                done, _ = await asyncio.wait([closed, released], return_when=asyncio.FIRST_COMPLETED)
                done.discard(released)
            self.waiting -= 1
            if done:
                self.gone += 1
                return False
            closed.cancel()
            try:
                await closed
            except asyncio.CancelledError:
                pass
            answer = b"slow"
        elif words[0] == "status":
            status = int(words[1])
        elif words[0] == "size":
            answer = b"x" * int(words[1])
        elif words[0] == "echo":
            kind = "application/x-echo"
            lines = ["%s: %s" % (n.lower(), v) for n, v in headers if n.lower() not in ("host", "content-length")]
            answer = "|".join([method] + sorted(lines) + [body]).encode()
        elif words[0] == "stall":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            await writer.drain()
            await reader.read(1)
            self.gone += 1
            return False
        elif words[0] == "drop":
            return False
        writer.write(b"HTTP/1.1 %d Whatever\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (
            status, kind.encode(), len(answer)) + answer)
        await writer.drain()
        return True
