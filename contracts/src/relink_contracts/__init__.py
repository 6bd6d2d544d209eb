"""The public promise of Relink: topics, events and their schemas."""
