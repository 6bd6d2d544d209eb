"""Practice Xero: login and token server, organisations, lists, bills, contacts, attachments."""
