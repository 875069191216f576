"""The command `sheets-decrypt launcher`."""

from pathlib import Path

import click
import platformdirs

from sheets_decrypt import config as configuration
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.options import chosen, config_option, job_names
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule import launcher as launchers


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@config_option
@click.option("--job", metavar="NAME", shell_complete=job_names, help="This job only. Default: all jobs.")
def launcher(folder: Path | None, config_path: Path | None, job: str | None) -> int:
    """Write a file to double-click into FOLDER, by default the desktop: it pulls, and shows the result in a window.

    It runs this installation and names it; make a new one if the program moves. It holds no secret.
    """
    path = configuration.find(config_path)
    chosen(configuration.load(path), [job] if job else [])
    place = folder or _desktop()
    if not place.is_dir():
        raise ConfigurationError(f"{place} is not a folder", hint="name a folder that exists")
    system = launchers.system_here()
    made = launchers.for_this_environment(path, job)
    terminal.write_line(f"wrote {launchers.write(made, place.absolute(), system)}")
    terminal.write_line(f"it runs {made.python} with {made.config}")
    if system == "linux":
        terminal.write_notice("note: on GNOME, right-click it once and choose Allow Launching")
    return 0


def _desktop() -> Path:
    """Return the user's desktop, or the current folder if there is none."""
    desktop = platformdirs.user_desktop_path()
    return desktop if desktop.is_dir() else Path.cwd()
