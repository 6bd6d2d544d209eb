"""Stories: one promise each, played many times over while processes are killed, then judged from outside."""
