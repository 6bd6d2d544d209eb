"""The rules of publishing. Values in, a new value or a named error out; nothing here reads a clock."""
