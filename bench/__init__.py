"""How fast the plumbing is, each time beside a peer or a physical limit measured in the same run."""
