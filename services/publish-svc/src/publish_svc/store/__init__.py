"""SQL, and rows to domain and back. Whoever changes an item locks its connection's row before the item's."""
