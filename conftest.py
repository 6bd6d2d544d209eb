"""Every test of the repository may ask for a real PostgreSQL, Kafka and Chromium, and for practice providers."""

import hypothesis

pytest_plugins = ["devstack.testing", "devstack.chromium", "simulator.testing"]

# A machine that is busy makes a single example slow; only what is found counts.
hypothesis.settings.register_profile("relink", deadline=None)
hypothesis.settings.load_profile("relink")
