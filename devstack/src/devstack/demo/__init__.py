"""The story of Relink, played on the real system and proved from outside of it."""
