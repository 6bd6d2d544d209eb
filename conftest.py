"""Every test of the repository may ask for a real PostgreSQL and a real Kafka."""

pytest_plugins = ["devstack.testing"]
