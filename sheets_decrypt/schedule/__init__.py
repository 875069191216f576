"""Schedulers: cron, systemd, launchd and Task Scheduler, each as pure text behind one interface."""
