"""Google: the only room that imports gspread and google-auth."""
