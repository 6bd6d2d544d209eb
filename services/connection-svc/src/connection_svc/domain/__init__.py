"""The rules of connections: frozen values and functions. Time, ids and secrets come as arguments."""
