"""Practice FreeAgent: login and token server, company, categories, contacts, bills with one file each."""
