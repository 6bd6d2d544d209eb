"""The 48-hour schedule and what it read from the providers."""
