"""Practice accounting software, identity provider and identity system."""
