"""The story's traffic for minutes, while every process is killed now and then; then the evidence."""
