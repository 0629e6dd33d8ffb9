"""HTTP to the servers: bounded answers, no redirects, no proxies, and dead peers that are noticed."""

from __future__ import annotations

import socket

import aiohttp

from pipeline.engines.openai.address import Access, Address
from pipeline.engines.openai.answers import Answer, ServerAwayError

MOST_BYTES = 64 * 2**20
"""Of an answer: far more than any text with its token ids, and little enough to be held."""

SECONDS_TO_CONNECT = 20.0

_IDLE, _INTERVAL, _PROBES = 30, 10, 3
"""Seconds of silence before TCP asks whether the peer is there, seconds between questions, and how many."""


def open_session(access: Access) -> aiohttp.ClientSession:
    """A client for requests that take minutes: to be opened in the event loop that uses it.

    Every request has a connection of its own. That costs nothing beside what it waits for, and none ever meets a kept
    connection in the moment in which the server closes it.
    """
    connector = aiohttp.TCPConnector(limit=0, force_close=True, socket_factory=_open_socket)
    return aiohttp.ClientSession(
        connector=connector, headers=access.headers, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    )


async def fetch(
    session: aiohttp.ClientSession, address: Address, url: str, body: bytes | None = None, seconds: float = 20.0
) -> Answer:
    """GET, or POST where there is a body of JSON.

    Args:
        session: the client.
        address: the server, for messages.
        url: what to ask.
        body: what to send.
        seconds: until the whole answer must be there, the connection included.

    Raises:
        ServerAwayError: no connection, or one that broke before the answer was whole.
        TimeoutError: no whole answer in time, though the server took the connection.
    """
    headers = None if body is None else {"Content-Type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=SECONDS_TO_CONNECT)
    method = "GET" if body is None else "POST"
    try:
        async with session.request(
            method, url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > MOST_BYTES:
                    raise ServerAwayError(f"{address} sends more than {MOST_BYTES} bytes")
            return Answer(response.status, bytes(content), response.headers.get("Retry-After"))
    except (aiohttp.ClientError, ConnectionError) as error:
        raise ServerAwayError(f"{address} does not answer ({str(error) or type(error).__name__})") from error


def _open_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = info
    sock = socket.socket(family, kind, protocol)
    # Without this a request to a machine that lost its power would be waited for until its own time is up.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", _IDLE), ("TCP_KEEPINTVL", _INTERVAL), ("TCP_KEEPCNT", _PROBES)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock
