"""A local stand-in for Google, and the demonstration that runs on it. Nothing in the product imports this room."""
