"""The relays of others, each in a process of its own, set up as its documentation says."""
