"""A UDP socket with a thread that serves it: what a stand-in for a party or for the network between two is made of."""
import socket
import threading


class ServedSocket:
    """Hands each datagram that comes to `port` of 127.0.0.1 (0: any that is free) to `take`, one after another, until it is
    closed. Who inherits from it sets what `take` needs before this `__init__`."""

    def __init__(self, port=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.open = True
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            datagram, source = self.socket.recvfrom(65536)
            if not self.open:
                return
            self.take(datagram, source)

    def take(self, datagram, source):
        raise NotImplementedError

    def close(self):
        """Ends its thread first: one that still waits would read from whichever socket has the descriptor next."""
        self.open = False
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()
