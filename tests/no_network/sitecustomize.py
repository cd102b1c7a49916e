"""Refuses every connection that leaves this machine.

Python imports a module of this name at start where its folder is in PYTHONPATH. conftest.py
puts it there, so that notebook kernels and everything else that the tests start are held to
it as well. Loopback works.
"""

import sys

OUTGOING = ("socket.connect", "socket.sendto", "socket.sendmsg")
NAMING = ("socket.getaddrinfo", "socket.gethostbyname")


class NetworkBlockedError(OSError):
    """Something tried to leave this machine while the tests run."""


def refuse(event, arguments):
    """Raise `NetworkBlockedError` before a connection to, or the look-up of, another machine."""
    if event in OUTGOING:
        address = arguments[1]  # (host, port, ...); a text for a local socket, or None
        host = address[0] if isinstance(address, tuple) else None
    elif event in NAMING:
        host = arguments[0]
    else:
        return
    if not is_here(host):
        raise NetworkBlockedError(f"the tests run without a network: no connection to {host!r}")


def is_here(host):
    """Return whether a host is this machine."""
    import ipaddress
    import socket

    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost", "0.0.0.0", "::") or host == socket.gethostname():
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, not an address
        return False


sys.addaudithook(refuse)
