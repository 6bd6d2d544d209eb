"""Sage Accounting: OAuth 2.0 and the API v3.1."""
