"""What is known of runs: the record, the history, the lock, what is remembered between runs, and notifications.

May touch: the state folder, the vault through its interface, and the addresses under [notify].
"""
