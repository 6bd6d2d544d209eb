"""SQL, and rows to domain values and back. `tx` comes first, every query names the business."""
