"""What happens by the clock: the lanes of the connections, each worked on by one worker at a time.

`lanes` finds what is due, `follow_gate` holds and releases, `publish_item` writes, `look_up` finds out.
"""
