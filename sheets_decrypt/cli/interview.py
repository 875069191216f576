"""The questions of `init`: each answer is checked as it is given, and the Sheet's tabs and columns are offered.

If the Sheet cannot be read, the questions continue without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.options import SOURCES
from sheets_decrypt.config import Config, Google, SecretSource, writing
from sheets_decrypt.config.writing import SAME, Answers
from sheets_decrypt.decryption.ciphers import FORMATS
from sheets_decrypt.errors import ConfigurationError, KeyProblem, SheetsDecryptError
from sheets_decrypt.keys import ciphers_of
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.system.printable import printable
from sheets_decrypt.table import Reason

if TYPE_CHECKING:
    from sheets_decrypt.google.sheet import Tab
    from sheets_decrypt.preview import Columns, Look

_DEFAULT_JOB: Final = "baseline"
_QUESTIONS: Final = {
    "spreadsheet": "the spreadsheet's URL",
    "output": "the CSV (or .xlsx, .dta) to write, on the vault drive, such as X:/surveys/baseline.csv",
    "credentials": "the key file from Google, with its full path",
}
_COLUMNS: Final = 'the columns to decrypt, as "name,phone", or "auto"'


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of secret.

    Args:
        what: Its name in a question.
        entry: Its usual name in the keyring.
        answers: How the encrypted answers that need it begin.
    """

    what: str
    entry: str
    answers: str


_KINDS: Final[Mapping[str, _Kind]] = {
    "private_keys": _Kind("the private key", "sheets-decrypt/private-key", "v2:"),
    "passphrases": _Kind("the passphrase", "sheets-decrypt/passphrase", "U2FsdGVkX1"),
    "legacy_secrets": _Kind("the secret of the old function", "sheets-decrypt/legacy-secret", "neither"),
}
_FORMAT_OF: Final = {wire.secret_kind: wire.format for wire in FORMATS}


class Interview:
    """One pass through the questions.

    Args:
        options: The options of `init`; None where one is left out.
        base: The configuration to add a job to, or None for a new one.
    """

    def __init__(self, options: Mapping[str, str | None], base: Config | None) -> None:
        self._options = options
        self._base = base
        self._asks = terminal.is_interactive()
        self._seen: Columns | None = None
        self.to_store: list[str] = []  # keyring entries that are named but do not exist

    def answers(self) -> Answers:
        """Ask for everything that the options leave out, and return all answers.

        Raises:
            ConfigurationError: An option is not valid, or is missing and no one can be asked.
        """
        for name, value in self._options.items():
            if value is not None:
                writing.refuse(name, value)
        for kind, source in self._named_sources().items():
            writing.refuse(kind, source)
        if self._base and self._options["credentials"]:
            raise ConfigurationError(
                "--credentials cannot be set for one job: all jobs share [google]", hint="leave it out"
            )
        job = self._job()
        spreadsheet = self._given("spreadsheet")
        credentials = None if self._base else self._given("credentials", "credentials.json")
        worksheet = self._options["worksheet"]
        if self._asks and self._sheet_helps():
            google = self._base.google if self._base else writing.google_of(credentials or "")
            worksheet = self._look(google, spreadsheet, worksheet)
        columns = self._columns()
        output, sources = self._given("output"), self._sources(columns)
        return Answers(job, spreadsheet, worksheet, columns, output, credentials, self._options["mark"], sources)

    def _sheet_helps(self) -> bool:
        return self._options["columns"] is None or not self._named_sources()

    def _given(self, name: str, default: str | None = None) -> str:
        """Return an option's value, or ask for it."""
        value = self._options[name]
        if value is not None:
            return value
        if not self._asks:
            raise ConfigurationError(
                f"--{name} is missing, and without a terminal it cannot be asked for", hint=f"add --{name}"
            )
        return terminal.ask(_QUESTIONS[name], default, refuse=partial(writing.refuse, name))

    def _job(self) -> str:
        """Return the job's name, which must be new in the configuration."""
        taken = self._base.jobs if self._base else {}

        def refuse(name: str) -> None:
            writing.refuse("job", name)
            if name in taken:
                raise ConfigurationError(
                    f"the configuration already has the job {name}", hint="choose another name for the new job"
                )

        name = self._options["job"]
        if name is None and taken and self._asks:
            return terminal.ask("the new job's name, such as endline", refuse=refuse)
        refuse(name or _DEFAULT_JOB)
        return name or _DEFAULT_JOB

    # The Sheet

    def _look(self, google: Google, spreadsheet: str, worksheet: str | None) -> str | None:
        """Read the tabs and columns, as far as that is possible, and return the tab's title if it must be named."""
        from sheets_decrypt import preview  # noqa: PLC0415  (Google's libraries, which only these questions need)

        spreadsheet_id, gid = writing.sheet_of(spreadsheet)
        terminal.write_notice("looking at the Sheet …")
        found = preview.look(google, spreadsheet_id)
        while found.problem:
            _explain(found.problem, found.account)
            if not terminal.confirm("look again? (no: go on without the Sheet)"):
                return worksheet
            found = preview.look(google, spreadsheet_id)
        tab = _tab(found, worksheet, gid)
        try:
            self._seen = preview.columns(google, spreadsheet_id, tab)
        except SheetsDecryptError as problem:
            _explain(problem, found.account)
        named_anyway = worksheet is None and (tab.gid == gid or (gid is None and len(found.tabs) == 1))
        return None if named_anyway else tab.title

    def _columns(self) -> str:
        if not self._asks or self._options["columns"] is not None:
            return self._given("columns")
        names = list(self._seen.tokens) if self._seen else []
        if self._seen:
            shown = ", ".join(map(printable, names))
            terminal.write_line(f"columns with encrypted answers: {shown or 'none yet'}")
        default = ",".join(names) if names and not any("," in name for name in names) else None
        return terminal.ask(_COLUMNS, default, refuse=self._refuse_columns)

    def _refuse_columns(self, answer: str) -> None:
        writing.refuse("columns", answer)
        if self._seen and answer != "auto":
            for name in writing.names_in(answer):
                self._seen.header.index_of(name)

    # The keys

    def _named_sources(self) -> dict[str, str]:
        named = {key: self._options[SOURCES[key]] for key in _KINDS}
        return {key: source for key, source in named.items() if source}

    def _sources(self, columns: str) -> dict[str, str]:
        if given := self._named_sources():
            return given
        if not self._asks:
            shared = self._base is not None and self._base.keys.given()
            return {} if shared else {"private_keys": f"keyring:{_KINDS['private_keys'].entry}"}
        return {kind: self._source(kind) for kind in self._needed(columns)}

    def _needed(self, columns: str) -> Sequence[str]:
        """Return the kinds of secret that the answers need, judged by the Sheet or else named by the user."""
        seen = self._seen.tokens if self._seen else {}
        names = list(seen) if columns == "auto" else writing.names_in(columns)
        needing = {
            kind: [name for name in names if format_ in seen.get(name, {})] for kind, format_ in _FORMAT_OF.items()
        }
        needed = [kind for kind, found in needing.items() if found]
        for kind in needed:
            terminal.write_line(f"{_KINDS[kind].what} is needed for: {', '.join(map(printable, needing[kind]))}")
        if needed:
            return needed
        terminal.write_line("How do the encrypted answers in the Sheet begin?")
        kinds = dict(enumerate(_KINDS, 1))
        for number, kind in kinds.items():
            terminal.write_line(f"  {number}  {_KINDS[kind].answers} ({_KINDS[kind].what})")
        answer = terminal.ask("1, 2 or 3", "1", refuse=partial(_refuse_other, [str(number) for number in kinds]))
        return [kinds[int(answer)]]

    def _source(self, kind: str) -> str:
        """Ask where a secret is, and warn if it is missing or of another kind."""
        words, shared = _KINDS[kind], self._base is not None and bool(getattr(self._base.keys, kind))
        default = SAME if shared else f"keyring:{words.entry}"
        usual = "as for the other jobs" if shared else "keyring"
        question = f"Where is {words.what} stored? (do not paste it) Enter = {usual}, or file:PATH"
        answer = terminal.ask(question, default, refuse=partial(writing.refuse, kind))
        self._try(kind, answer)
        return answer

    def _try(self, kind: str, answer: str) -> None:
        """Report whether a secret exists, is of this kind, and decrypts the answers seen in the Sheet."""
        shared = getattr(self._base.keys, kind) if self._base and answer == SAME else ()
        sources: Sequence[SecretSource] = shared or (writing.source_of(answer),)
        if any(source.prompt or source.credential for source in sources):
            return
        try:
            cipher = ciphers_of({_FORMAT_OF[kind]: [resolve(source) for source in sources]})[_FORMAT_OF[kind]]
        except KeyProblem as problem:
            terminal.write_notice(f"warning: {problem.message}")
            terminal.write_notice(f"hint: {problem.hint}")
            if "secret set" in problem.hint:  # the keyring works but has no such entry
                self.to_store += [source.keyring for source in sources if source.keyring]
            return
        seen = self._seen.tokens.values() if self._seen else ()
        bodies = [body for tokens in seen for body in tokens.get(_FORMAT_OF[kind], ())]
        values = cipher.decrypt(bodies).values if bodies else []
        opened = sum(not isinstance(value, Reason) for value in values)
        result = f"{_KINDS[kind].what} decrypts {opened} of {len(bodies)} cells"
        if 2 * opened < len(bodies):
            terminal.write_notice(f"warning: {result}; it is not this survey's")
            terminal.write_notice("hint: ask who set up the survey for the right one")
        elif bodies:
            terminal.write_line(result)


def _explain(problem: SheetsDecryptError, account: str) -> None:
    """Report why the Sheet could not be read, and the address that it must be shared with."""
    terminal.write_notice(f"warning: the Sheet could not be read: {problem.message}")
    terminal.write_notice(f"hint: {problem.hint}")
    if account and account not in problem.hint:
        terminal.write_notice(f"hint: the Sheet must be shared with {account}, as Viewer")


def _tab(found: "Look", worksheet: str | None, gid: int | None) -> "Tab":
    """Return the tab named by the options or the URL, or ask for one."""
    for tab in found.tabs:
        if tab.title == worksheet or (worksheet is None and (tab.gid == gid or len(found.tabs) == 1)):
            terminal.write_line(f'the Sheet "{printable(found.title)}", tab "{printable(tab.title)}"')
            return tab
    terminal.write_line(f'the Sheet "{printable(found.title)}" has these tabs:')
    numbered = {str(number): tab for number, tab in enumerate(found.tabs, 1)}
    for number, tab in numbered.items():
        terminal.write_line(f"  {number}  {printable(tab.title)}")
    by_title = {tab.title: tab for tab in found.tabs}
    known = numbered | by_title  # for a tab titled 2, the title counts
    return known[terminal.ask("the tab, by its name or number", refuse=partial(_refuse_other, list(known)))]


def _refuse_other(known: Sequence[str], answer: str) -> None:
    if answer not in known:
        raise ConfigurationError(f'"{answer}" is not one of them', hint="type one of them as it is listed")
