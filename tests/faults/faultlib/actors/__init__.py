"""Small programs on the chassis, each a process with a history file: `python -m faultlib.actors.NAME JSON`."""
