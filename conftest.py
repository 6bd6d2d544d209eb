"""Every test of the repository may ask for a real PostgreSQL, a real Kafka and practice providers."""

pytest_plugins = ["devstack.testing", "simulator.testing"]
