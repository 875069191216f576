"""Google: the sign-in, and a tab's header and pages of rows. The only room that imports gspread and google-auth.

It may touch the network, the key file, and the environment's settings for both. `session` and `sheet` are its face; an
error that leaves it says what to do next and holds no token.
"""
