"""Every secret of the local stack: made by chance once, kept in one file that only its owner may read."""

import base64
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey

from devstack.home import read_json, write_whole


@dataclass(frozen=True)
class Secrets:
    """Secrets by name. One asked for the first time is generated and written down before it is answered."""

    file: Path
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def text(self, name: str) -> str:
        """A password or client secret of 256 bits, fit for a URL."""
        return str(self._kept(name, lambda: secrets.token_urlsafe(32)))

    def key_bytes(self, name: str) -> str:
        """A symmetric key of 256 bits, in base64."""
        return str(self._kept(name, lambda: base64.b64encode(secrets.token_bytes(32)).decode()))

    def signing_key(self, name: str) -> OKPKey:
        """An Ed25519 key pair."""
        return OKPKey.import_key(self._kept(name, lambda: OKPKey.generate_key("Ed25519").as_dict(private=True)))

    def _kept(self, name: str, generate: Callable[[], object]) -> Any:
        with self._one_at_a_time:
            kept = read_json(self.file)
            if name not in kept:
                kept[name] = generate()
                write_whole(self.file, json.dumps(kept, indent=2) + "\n", mode=0o600)
            return kept[name]
