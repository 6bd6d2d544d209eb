"""QuickBooks Online: OAuth 2.0 and the Accounting API v3."""
