"""Somebody's request."""
