"""Real Kafka and PostgreSQL and every Relink service on one machine, without Docker."""
