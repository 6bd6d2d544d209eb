"""SQL, and rows as domain values. Every function takes the transaction first."""
