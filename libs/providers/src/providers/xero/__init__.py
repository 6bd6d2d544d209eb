"""Xero: OAuth 2.0 and the Accounting API 2.0."""
