"""Accounting software behind one interface."""
