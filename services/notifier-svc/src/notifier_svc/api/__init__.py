"""What people may ask of notifier-svc."""
