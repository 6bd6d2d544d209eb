"""What falls due or takes long."""
