"""The commands, options, keys, messages and exit codes in the documentation are those of the program."""

import ast
import os
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
from sheets_decrypt.config import writing
from sheets_decrypt.errors import EXIT_CODES
from sheets_decrypt.secret_sources import split_command
from tests.survey import World

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "config/sheets-decrypt.example.toml"
FILES = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = {file.name: file.read_text(encoding="utf-8") for file in FILES}
README = PAGES["README.md"]
ALL = "\n".join(PAGES.values())
KEYS = re.compile(r"(<!-- keys: .*? -->\n).*?(<!-- end of keys -->)", re.DOTALL)
TABLE_OF_MESSAGES = re.compile(r"^\| the message says \|.*\n\| --- .*\n((?:\|.*\n)+)", re.MULTILINE)


def keys_table() -> str:
    """Return the table of configuration keys, made from the program's own models."""
    lines: list[str] = []
    section = None
    for key, default, meaning in writing.all_keys():
        title, _, name = key.rpartition(" ")
        if title != section:
            section = title
            lines += ["", f"**`{title}`**" if title else "**Above every section**"]
            lines += ["", "| key | default | meaning |", "| --- | --- | --- |"]
        shown = f"`{default}`" if default and default != "must be given" else default
        lines.append(f"| `{name}` | {shown} | {meaning} |")
    return "\n".join(lines).strip() + "\n"


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a group, with the name that a user types."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(sheets_decrypt, "sheets-decrypt"))


def options(command: click.Command) -> set[str]:
    """Return the long options in a command's help."""
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for name in parameter.opts
        if name.startswith("--")
    } - {"--version"}


def section(title: str) -> str:
    """Return the text below a heading of the page on commands, up to the next heading of the same level."""
    return PAGES["commands.md"].split(f"\n## {title}\n")[1].split("\n## ")[0]


def anchors(text: str) -> set[str]:
    """Return the anchors that links to a page can use, as GitHub derives them from its headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def texts() -> Iterator[str]:
    """Yield every text in the program's code except docstrings; `…` replaces each inserted value."""
    for file in (ROOT / "sheets_decrypt").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        described = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in described:
                yield node.value


def test_the_table_of_keys_matches_the_program() -> None:
    """It has every key with its default and meaning; to renew it: `python -m tests.test_readme`."""
    found = KEYS.search(PAGES["configuration.md"])
    assert found is not None
    assert found[0] == f"{found[1]}\n{keys_table()}\n{found[2]}"


def test_every_key_of_a_configuration_is_in_the_table() -> None:
    """The table includes the keys above the sections."""
    listed = {re.split(r"[. \]]", key.lstrip("["))[0] for key, _, _ in writing.all_keys()}
    assert set(config.Config.model_fields) <= listed


def test_the_example_file_matches_the_program() -> None:
    """The commented example in config/ is what `config example` prints; to renew it: `python -m tests.test_readme`."""
    assert EXAMPLE.read_text(encoding="utf-8") == writing.example()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_documented(name: str) -> None:
    """The page on commands has every command; a subcommand may be named without its first word."""
    text = PAGES["commands.md"]
    short = name.removeprefix("sheets-decrypt ")
    assert f"`{name}`" in text or f"`{short}`" in text or f"`{name} " in text, name


def test_every_documented_command_exists() -> None:
    """No page names a command that the program does not have."""
    known = {*COMMANDS, "pull-and-decrypt"}
    for name in re.findall(r"(?:^(?:\| )?|`)(?:`)?(sheets-decrypt [a-z][a-z-]*(?: [a-z][a-z-]*)?)", ALL, re.MULTILINE):
        groups = " ".join(name.split(" ")[:2]), name
        assert any(group in known for group in groups), name


def test_every_option_of_a_pull_is_documented() -> None:
    """The section on the command has exactly the options shown in the help."""
    text = section("pull-and-decrypt")
    assert {name for name in options(pull_and_decrypt) if f"`{name}" not in text} == set()
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= options(pull_and_decrypt)


def test_every_other_option_is_documented() -> None:
    """The section on the other commands has every option, and none that does not exist."""
    text = section("sheets-decrypt")
    known = {name for command, found in COMMANDS.items() if command != "sheets-decrypt pull" for name in options(found)}
    assert {name for name in known if not re.search(rf"`[^`]*{name}\b", text)} == set()
    assert set(re.findall(r"--[a-z-]+", text.replace("---", ""))) <= known


def test_no_page_names_an_option_that_does_not_exist() -> None:
    """Each option is one of ours, or belongs to a program named beside it."""
    known = {name for command in COMMANDS.values() for name in options(command)} | {"--help", "--version"}
    old = {"--encrypted", "--list", "--secret"}  # csv_decryptor.py's
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", ALL.replace("<!--", "").replace("-->", ""))) - old <= known


def test_the_exit_codes_match_the_program() -> None:
    """The table of exit codes matches `--help`."""
    found = dict(re.findall(r"^\| (\d+) \| (.*) \|$", section("Exit codes"), re.MULTILINE))
    assert found == {str(code): meaning for code, meaning in EXIT_CODES.items()}


def test_the_explained_messages_are_those_of_the_program() -> None:
    """The program can print each message in the troubleshooting tables."""
    rows = "".join(TABLE_OF_MESSAGES.findall(README) + TABLE_OF_MESSAGES.findall(PAGES["troubleshooting.md"]))
    said = {text for row in rows.splitlines() for text in re.findall(r"`(.*?)`", row.split("|")[1])}
    program = list(texts())
    missing = {
        text for text in said if not any(re.search(re.escape(text).replace("…", ".*"), printed) for printed in program)
    }
    assert len(said) > 30
    assert missing == set()


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", ALL, re.DOTALL))
def test_every_example_of_a_configuration_is_valid(text: str) -> None:
    """An example can be copied: together with the parts it omits, it is a valid configuration."""
    content = tomllib.loads(re.sub(r"^ {3}", "", text, flags=re.MULTILINE).replace("…", "1AbCdEfGhIjKlMnOp"))
    base = {"spreadsheet": "1AbCdEfGhIjKlMnOp", "columns": ["name"], "output": "X:/surveys/baseline.csv"}
    jobs = content.setdefault("jobs", {})
    jobs["baseline"] = {**base, **jobs.get("baseline", {})}
    assert "baseline" in config.parse(content, folder=ROOT).jobs


PROGRAMS = dict(zip(
    ("baseline written 6\n", "", "6 of 6 rows\n"), re.findall(r"```python\n(.*?)```", ALL, re.DOTALL), strict=True
))  # fmt: skip


@pytest.mark.parametrize("printed", PROGRAMS, ids=("first", "errors", "progress"))
def test_the_python_examples_run(
    world: World, printed: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The examples in the README and on the library's page pull a job, with warnings as errors."""
    program = PROGRAMS[printed]
    assert len([line for line in program.splitlines() if line]) <= 10
    monkeypatch.chdir(world.folder)
    exec(program, {})
    assert tuple(capfd.readouterr()) == (printed, "")
    assert world.csv() == world.whole()


def test_the_readme_has_the_two_lines() -> None:
    """The line that demonstrates the program and the line that runs the tests are each on a line of their own."""
    lines = README.splitlines()
    assert lines.count("pip install . && sheets-decrypt demo") == 1
    assert lines.count('pip install -e ".[test]" && pytest') == 1


def typed(text: str) -> Iterator[str]:
    """Yield every line of a page that a reader would type to run one of our commands."""
    blocks = [line.strip() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    for line in [*blocks, *re.findall(r"`([^`\n]+)`", text)]:
        if line.startswith(("sheets-decrypt ", "pull-and-decrypt ")):
            yield line


@pytest.mark.parametrize("line", sorted(set(typed(ALL))))
def test_a_command_is_the_same_in_every_shell(line: str) -> None:
    """PowerShell splits `a,b` into two arguments, and `&` or `;` ends a command, so such values are quoted."""
    assert re.fullmatch(r"""[\w./:=…-]+(?: (?:[\w./:=…-]+|"[^"`$%\\!]*"))*""", line), line
    assert split_command(line, windows=True) == split_command(line, windows=False)


@pytest.mark.parametrize("line", ["sheets-decrypt check", "pull-and-decrypt"])
def test_the_readmes_commands_run_in_this_systems_shell(world: World, line: str) -> None:
    """They work exactly as in the README: in cmd on Windows, in a POSIX shell elsewhere."""
    assert line in README.splitlines()
    programs = world.folder / "programs"
    programs.mkdir()
    for name, words in (("sheets-decrypt", ""), ("pull-and-decrypt", "pull")):
        command = f'"{sys.executable}" -W error -m sheets_decrypt {words}'
        text = f"@{command} %*\n" if os.name == "nt" else f'#!/bin/sh\nexec {command} "$@"\n'
        file = programs / (f"{name}.cmd" if os.name == "nt" else name)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
    more = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "SHEETS_DECRYPT_CONFIG": str(world.path)}
    done = subprocess.run(
        line, shell=True, env=world.environment(more), cwd=world.folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "error" in done.stderr) == (0, False)
    assert "baseline" in done.stdout


@pytest.mark.parametrize("page", FILES, ids=lambda page: page.name)
def test_every_link_has_a_target(page: Path) -> None:
    """A link names a file of the project and, if it names a heading, one in that file."""
    for link in re.findall(r"\]\(([^)]*)\)", PAGES[page.name]):
        if link.startswith("https://"):
            continue
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not heading or heading in anchors(target.read_text(encoding="utf-8")), link


def test_every_page_is_linked_from_the_readme() -> None:
    """Readers need not search for any page."""
    linked = set(re.findall(r"\]\(docs/([^)#]*\.md)", README))
    assert linked == {file.name for file in (ROOT / "docs").glob("*.md")}


if __name__ == "__main__":
    page = ROOT / "docs/configuration.md"
    renewed = KEYS.sub(lambda found: f"{found[1]}\n{keys_table()}\n{found[2]}", page.read_text(encoding="utf-8"))
    page.write_text(renewed, encoding="utf-8")
    EXAMPLE.write_text(writing.example(), encoding="utf-8")
