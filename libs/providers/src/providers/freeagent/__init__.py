"""FreeAgent: OAuth 2.0 and the API v2."""
