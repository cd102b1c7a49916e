"""Refuses every connection that leaves this machine, in each Python that finds it at its start."""

import os
import sys

# Where ipykernel sees it, it does not capture what C++ code and child processes print.
os.environ.pop("PYTEST_CURRENT_TEST", None)


def refuse(event, arguments):
    """Raise `OSError` before a connection to, or the look-up of, another machine."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]  # (host, port, ...); a text for a local socket, or None
        host = address[0] if isinstance(address, tuple) else ""
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0] or ""
    else:
        return
    import socket

    host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    here = ("", "localhost", "0.0.0.0", "::", "::1", socket.gethostname())
    if host not in here and not host.startswith("127."):
        raise OSError(f"the tests run without a network: no connection to {host!r}")


sys.addaudithook(refuse)
