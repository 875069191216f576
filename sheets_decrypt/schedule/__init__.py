"""Start a pull without typing: cron, systemd, launchd and Task Scheduler behind one interface, and a double click.

Each backend is pure text. May touch: the schedulers' own programs and files, and the launcher's file.
"""
