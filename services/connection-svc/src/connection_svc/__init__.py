"""Connections, consent, tokens and the reconnect workflow."""
