"""What notifier-svc does by the clock."""
