"""What `rollcall replay` points producers at: recorded servers that answer as they did."""
