"""What the documentation says of commands, options, keys and exit codes is what the program has."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sheets_decrypt import config
from sheets_decrypt.cli.commands import sheets_decrypt
from sheets_decrypt.cli.pull import pull_and_decrypt
from sheets_decrypt.config import writing as setup
from sheets_decrypt.errors import EXIT_CODES
from tests.survey import World

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
KEYS = re.compile(r"(<!-- keys: .*? -->\n).*?(<!-- end of keys -->)", re.DOTALL)


def keys_table() -> str:
    """The README's table of configuration keys, as the program's own models give it."""
    lines, section = [], ""
    for key, default, meaning in setup.all_keys():
        title, _, name = key.rpartition(" ")
        if title != section:
            section = title
            lines += ["", f"**`{title}`**" if title.startswith("[") else f"**{title}**"]
            lines += ["", "| key | default | meaning |", "| --- | --- | --- |"]
        shown = f"`{default}`" if default and default != "must be given" else default
        lines.append(f"| `{name}` | {shown} | {meaning} |")
    return "\n".join(lines).strip() + "\n"


def commands(group: click.Group, path: str) -> Iterator[str]:
    """Every command below a group, as a user types it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


def section(title: str) -> str:
    """The text below a heading, up to the next one of its rank."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_table_of_keys_is_the_program_s() -> None:
    """Every key with its default and meaning; to renew it: `python -m tests.test_readme`."""
    found = KEYS.search(README)
    assert found is not None
    assert found[0] == f"{found[1]}\n{keys_table()}\n{found[2]}"


@pytest.mark.parametrize("command", sorted(commands(sheets_decrypt, "sheets-decrypt")))
def test_every_command_is_in_the_readme(command: str) -> None:
    """A command that is there is documented; a subcommand may stand without its first word."""
    text = section("Commands")
    short = command.removeprefix("sheets-decrypt ")
    assert f"`{command}`" in text or f"`{short}`" in text or f"`{command} " in text, command


def test_every_command_in_the_readme_is_there() -> None:
    """No command is documented that the program does not have."""
    known = {*commands(sheets_decrypt, "sheets-decrypt"), "pull-and-decrypt"}
    said = re.findall(r"^(?:\| `)?(sheets-decrypt [a-z-]+(?: [a-z-]+)?)", README, re.MULTILINE)
    for command in said:
        words = command.split(" ")
        assert any(" ".join(words[:length]) in known for length in (2, 3)), command


def test_every_option_of_a_pull_is_in_the_readme() -> None:
    """Every option that is shown in the help is in the section on commands, and none that is not."""
    options = {
        name
        for parameter in pull_and_decrypt.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for name in parameter.opts
        if name.startswith("--")
    } - {"--version"}
    assert {name for name in options if f"`{name}" not in section("Commands")} == set()
    named = set(re.findall(r"^\| `(--[a-z-]+)", section("Commands"), re.MULTILINE))
    assert named <= options


def test_the_exit_codes_are_the_program_s() -> None:
    """The table of exit codes says what `--help` says."""
    found = dict(re.findall(r"^\| (\d+) \| (.*) \|$", section("Exit codes"), re.MULTILINE))
    assert found == {str(code): meaning for code, meaning in EXIT_CODES.items()}


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", README, re.DOTALL))
def test_every_example_in_the_readme_is_valid(text: str) -> None:
    """An example can be copied: with the parts that it leaves out it is a valid configuration."""
    content = tomllib.loads(re.sub(r"^ {3}", "", text, flags=re.MULTILINE).replace("…", "1AbCdEfGhIjKlMnOp"))
    base = {"spreadsheet": "1AbCdEfGhIjKlMnOp", "columns": ["name"], "output": "X:/surveys/baseline.csv"}
    jobs = content.setdefault("jobs", {})
    jobs["baseline"] = {**base, **jobs.get("baseline", {})}
    assert "baseline" in config.parse(content, folder=ROOT).jobs


def test_the_python_example_runs(world: World) -> None:
    """What the README shows of the library pulls a job, warnings as errors."""
    [program] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in program.splitlines() if line]) <= 10
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=world.environment(), cwd=world.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("baseline written 6\n", "")
    assert world.csv() == world.whole()


def test_the_two_lines_are_there() -> None:
    """The line that shows the job and the line that runs the tests each stand alone on a line."""
    lines = README.splitlines()
    assert lines.count("pip install . && sheets-decrypt demo") == 1
    assert lines.count('pip install -e ".[test]" && pytest') == 1


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((#[^)]*)\)", README))))
def test_every_link_inside_the_readme_leads_somewhere(link: str) -> None:
    """A link to a heading names one that is there."""
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert link in anchors


if __name__ == "__main__":
    renewed = KEYS.sub(lambda found: f"{found[1]}\n{keys_table()}\n{found[2]}", README)
    (ROOT / "README.md").write_text(renewed, encoding="utf-8")
