"""Mail and notices about connections."""
