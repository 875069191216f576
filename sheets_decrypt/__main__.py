"""`python -m sheets_decrypt` is `sheets-decrypt`; `python -m sheets_decrypt pull` is `pull-and-decrypt`."""

from sheets_decrypt.cli import main

if __name__ == "__main__":
    main()
