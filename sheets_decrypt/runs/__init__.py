"""What is known about runs: the record, the history, the lock, the state between runs, and notifications.

May touch: the state folder, the vault through its interface, and the addresses under [notify].
"""
