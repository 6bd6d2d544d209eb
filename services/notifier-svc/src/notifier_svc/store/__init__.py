"""SQL and its way to and from the domain. Nothing here decides or commits."""
