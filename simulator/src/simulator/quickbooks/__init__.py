"""Practice QuickBooks Online: login and token server, query language, bills, vendors, attachments."""
