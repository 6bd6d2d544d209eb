"""The public promise of Relink: topics, events and their schemas."""

from relink_contracts.decode import decode
from relink_contracts.envelope import Received, Undecodable, UnknownType

__all__ = ["Received", "Undecodable", "UnknownType", "decode"]
