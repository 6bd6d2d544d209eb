"""Lists as read, and the automation rules that refer to them."""
