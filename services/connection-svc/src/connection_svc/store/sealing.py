"""Secrets at rest: AES-256-GCM under a fresh data key for each row, that key under one of the key ring's.

A ciphertext is bound to its table, column, business and owner: moved anywhere else it does not open. After a change of
the ring's current key only the data keys have to be wrapped anew; the ciphertexts stay as they are.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_WRAPPED_KEY = "wrapped_key"


class KeyTooShort(ValueError):
    """A key of the ring is not 32 bytes long."""

    def __init__(self, key_id: str, length: int) -> None:
        self.key_id, self.length = key_id, length
        super().__init__(f"key {key_id} has {length} bytes, not {KEY_BYTES}")


class CurrentKeyMissing(ValueError):
    """The key that new rows are to be sealed under is not in the ring."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(f"the current key {key_id} is not in the key ring")


class Undecipherable(Exception):
    """A ciphertext is damaged, was moved from its place, or its key is gone. What it holds is not told."""

    def __init__(self, place: "Place", column: str) -> None:
        self.place, self.column = place, column
        super().__init__(f"{place.table}.{column} of {place.owner_id} cannot be opened")


class KeyMissing(Undecipherable):
    """The key that a row names is not in the ring: the row may be whole, and opens once the key is back."""


@dataclass(frozen=True)
class Place:
    """The row that secrets belong to. `owner_id` is the connection's id, or the attempt's where there is none yet."""

    table: str
    business_id: str
    owner_id: str

    def binding(self, column: str) -> bytes:
        """What a ciphertext of this column is bound to; unambiguous, whatever the ids contain."""
        return json.dumps([self.table, column, self.business_id, self.owner_id]).encode()


@dataclass(frozen=True)
class Sealed:
    """The secrets of one row, ready to be stored."""

    key_id: str
    wrapped_key: bytes
    columns: Mapping[str, bytes]


class Vault:
    """Seals under the current key of the ring, opens under any of its keys."""

    def __init__(self, keys: Mapping[str, bytes], *, current: str) -> None:
        """Raises KeyTooShort and CurrentKeyMissing: a service with a bad ring must not start."""
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES:
                raise KeyTooShort(key_id, len(key))
        if current not in keys:
            raise CurrentKeyMissing(current)
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = current

    @property
    def current(self) -> str:
        """The id of the key that rows are sealed under."""
        return self._current

    def seal(self, place: Place, **secrets_of_row: str) -> Sealed:
        """Seal all secrets of a row under one new data key."""
        data_key = AESGCM.generate_key(KEY_BYTES * 8)
        cipher = AESGCM(data_key)
        return Sealed(
            key_id=self._current,
            wrapped_key=_encrypt(self._keys[self._current], data_key, place.binding(_WRAPPED_KEY)),
            columns={
                column: _encrypt(cipher, secret.encode(), place.binding(column))
                for column, secret in secrets_of_row.items()
            },
        )

    def open(self, place: Place, sealed: Sealed) -> dict[str, str]:
        """The secrets of a row by column. Raises Undecipherable, or KeyMissing where only the ring lacks something."""
        cipher = AESGCM(self._data_key(place, sealed.key_id, sealed.wrapped_key))
        return {
            column: _decrypt(cipher, ciphertext, place, column).decode()
            for column, ciphertext in sealed.columns.items()
        }

    def wrap_anew(self, place: Place, key_id: str, wrapped_key: bytes) -> bytes:
        """A row's data key, wrapped under the current key. Raises Undecipherable, KeyMissing."""
        data_key = self._data_key(place, key_id, wrapped_key)
        return _encrypt(self._keys[self._current], data_key, place.binding(_WRAPPED_KEY))

    def _data_key(self, place: Place, key_id: str, wrapped_key: bytes) -> bytes:
        ring_key = self._keys.get(key_id)
        if ring_key is None:
            raise KeyMissing(place, _WRAPPED_KEY)
        return _decrypt(ring_key, wrapped_key, place, _WRAPPED_KEY)


def _encrypt(cipher: AESGCM, secret: bytes, binding: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, secret, binding)


def _decrypt(cipher: AESGCM, ciphertext: bytes, place: Place, column: str) -> bytes:
    try:
        return cipher.decrypt(ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:], place.binding(column))
    except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce and a tag
        raise Undecipherable(place, column) from None
