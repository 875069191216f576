"""Pull a survey's encrypted answers from a Google Sheet, decrypt them here, and put one CSV on the vault drive."""
