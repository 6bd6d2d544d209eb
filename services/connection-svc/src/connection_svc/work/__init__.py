"""What the clock starts: refreshing, expiring, reminding. No transaction is open while a provider is called."""
