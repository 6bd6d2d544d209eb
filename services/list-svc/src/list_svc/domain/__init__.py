"""The rules of lists and of automation rules. Values in, values or named errors out."""
