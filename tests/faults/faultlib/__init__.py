"""What the fault tests are made of: real servers and processes, faults on purpose, and a checker that trusts nobody."""
