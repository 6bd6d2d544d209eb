import json
import socket
from pathlib import Path

from devstack.ports import choose, is_free


def test_a_port_once_chosen_is_kept(tmp_path: Path) -> None:
    first = choose(tmp_path / "ports.json", ["kafka", "postgres"])

    assert choose(tmp_path / "ports.json", ["kafka", "postgres"]) == first


def test_a_new_name_gets_a_port_nobody_else_has(tmp_path: Path) -> None:
    first = choose(tmp_path / "ports.json", ["kafka"])

    both = choose(tmp_path / "ports.json", ["kafka", "postgres"])

    assert both["kafka"] == first["kafka"]
    assert both["postgres"] != both["kafka"]
    assert json.loads((tmp_path / "ports.json").read_text()) == both


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])
