"""Items, holds and their publication, each exactly once."""
