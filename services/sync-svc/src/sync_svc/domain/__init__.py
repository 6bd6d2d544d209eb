"""The rules of synchronising: values in, values out."""
