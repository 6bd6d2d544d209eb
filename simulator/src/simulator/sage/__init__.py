"""Practice Sage Accounting: login and token server, businesses, lists, contacts, purchase invoices, attachments."""
