"""SIP clients and servers as the kernel sees them: connections, in processes of their own."""

import asyncio
import multiprocessing
import os
import resource
import signal
import socket
import time
from multiprocessing.connection import Connection

# So many connections a process may have open (RLIMIT_NOFILE is often 20,000 and fixed).
CONNECTIONS_MAX = 9_000


class Servers:
    """Processes that listen on one port together, answer, and close what their clients close."""

    def __init__(self, count: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
            self._processes = [
                multiprocessing.Process(target=_serve, args=(self.port,), daemon=True)
                for _ in range(count)
            ]
            for process in self._processes:
                process.start()

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
            process.join()


def _serve(port: int) -> None:
    raise_file_limit()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(4096):
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()

    async def listen() -> None:
        server = await asyncio.start_server(
            answer, "127.0.0.1", port, reuse_port=True, backlog=4096
        )
        async with server:
            await server.serve_forever()

    asyncio.run(listen())


class Clients:
    """One process that holds connections; `ports` are their local ends."""

    def __init__(self, port: int, count: int) -> None:
        own, theirs = multiprocessing.Pipe()
        self._pipe = own
        self._process = multiprocessing.Process(
            target=_connect, args=(port, count, theirs), daemon=True
        )
        self._process.start()
        self.ports: list[int] = own.recv()

    def close_one(self, index: int) -> float:
        """Close one connection; returns the time of its close(), monotonic seconds."""
        self._pipe.send(index)
        closed: float = self._pipe.recv()
        return closed

    def kill(self) -> None:
        """SIGKILL: the kernel closes all of them."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()


def _connect(port: int, count: int, pipe: Connection) -> None:
    raise_file_limit()
    clients = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        client.sendall(b"REGISTER")
        if client.recv(100) != b"REGISTER":
            raise OSError("no answer")
        clients.append(client)
    pipe.send([client.getsockname()[1] for client in clients])
    while True:
        index = pipe.recv()
        at = time.monotonic()
        clients[index].close()
        pipe.send(at)


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
