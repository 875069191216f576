"""How a pull starts without typing: cron, systemd, launchd and Task Scheduler behind one interface, and a double click.

Each is pure text. May touch: the schedulers' own programs and files, and the launcher's file.
"""
