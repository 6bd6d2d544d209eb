"""Ports of the local stack: chosen once where they are free, and kept over `down` and `up`."""

import json
import random
import socket
from collections.abc import Iterable
from pathlib import Path

from devstack.home import DevstackError, read_json, write_whole

# Below the range from which the system takes ports for outgoing connections: none of those can sit on ours later.
CANDIDATES = range(20_000, 30_000)


def is_free(port: int) -> bool:
    """Whether somebody could listen on the port now. It is not reserved: another process may take it next."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(file: Path, names: Iterable[str]) -> dict[str, int]:
    """Answer a port for each name: the one remembered in the file, else a free one, remembered from now on."""
    remembered = {name: int(str(port)) for name, port in read_json(file).items()}
    taken = set(remembered.values())
    chosen = dict(remembered)
    for name in names:
        if name not in chosen:
            chosen[name] = free_port(taken)
            taken.add(chosen[name])
    if chosen != remembered:
        write_whole(file, json.dumps(chosen, indent=2) + "\n")
    return chosen


def free_port(avoid: Iterable[int] = ()) -> int:
    """Answer a port nobody listens on, and not one of `avoid`."""
    excluded = set(avoid)
    for port in random.sample(CANDIDATES, len(CANDIDATES)):
        if port not in excluded and is_free(port):
            return port
    raise DevstackError(f"no port between {CANDIDATES.start} and {CANDIDATES.stop} is free on 127.0.0.1")
