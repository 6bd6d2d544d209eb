"""Somebody's request: people and programs at `/api/v1`, browsers at `/oauth`, other services at `/internal`."""
