"""What list-svc does by the clock."""
