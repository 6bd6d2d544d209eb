"""The business of these tests: accounts to whose ledger entries are posted. A package, so that it has migrations."""
