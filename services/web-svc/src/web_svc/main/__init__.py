"""Builds web-svc by hand, a module for each command."""

from typing import Final

SERVICE: Final = "web-svc"
