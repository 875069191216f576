"""The files that `sheets-decrypt twilio export` writes."""

import contextlib
import csv
import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.config import Job
from sheets_decrypt.decryption.ciphers import public_key, sealed_box, sealing
from sheets_decrypt.errors import ConfigurationError, KeyWrong
from sheets_decrypt.table import Secret
from sheets_decrypt.twilio import flow
from sheets_decrypt.twilio.export import export, for_job, write
from tests import require

PUBLIC_KEY = "EBumbsbzDAFjHWueUTb2Rngy0PC9SxEEZ-k5iRVOcyA"
PRIVATE_KEY = "wG3zJ8KeQfz46C3M-AEaFVvdryBMlswwkmK5I3ucXH0"
ODD = ("name", "Full name", "full_name", "2nd phone", "நகரம்", "encrypt", "a|b", 'say "hi", ok', "Thank you", "x" * 200)
SHIPPED = Path(flow.__file__).parent
PACKAGES = Path(__file__).parents[1] / "node" / "twilio" / "node_modules"


SOURCES = ("encrypt_fields", "publish_to_sheet", "answer_queue", "answer_store", "google_sheet")


def test_the_export_holds_the_functions_the_flow_and_what_a_person_needs() -> None:
    """The functions, the flow, the settings, the header, the steps, and what Twilio's command line asks for."""
    assert set(export(["name"])) == {
        *("functions/encrypt_fields.protected.js", "functions/publish_to_sheet.protected.js"),
        *(f"functions/{name}.private.js" for name in SOURCES[2:]),
        *("studio_flow.json", ".env.example", "header.csv", "STEPS.md", "package.json"),
    }


@pytest.mark.parametrize("name", SOURCES)
def test_the_functions_are_exported_as_they_are_shipped_and_tested(name: str) -> None:
    """Not a byte of a function depends on the job, so nothing drifts apart."""
    kind = "protected" if name in SOURCES[:2] else "private"
    assert export(["name"])[f"functions/{name}.{kind}.js"] == (SHIPPED / f"{name}.js").read_text("utf-8")


def test_the_shipped_flow_is_the_export_of_its_own_column() -> None:
    """The pattern and what is made of it are the same flow."""
    assert json.loads(export(["name"])["studio_flow.json"]) == json.loads((SHIPPED / "studio_flow.json").read_text())


@pytest.mark.parametrize("name", SOURCES)
def test_a_function_is_short_enough_to_be_pasted_and_read(name: str) -> None:
    """No file is longer than 400 lines, or wider than a screen."""
    lines = (SHIPPED / f"{name}.js").read_text("utf-8").splitlines()
    assert len(lines) <= 400
    assert max(map(len, lines)) <= 120


def test_twilios_tools_see_which_functions_are_protected_and_which_private(tmp_path: Path) -> None:
    """`.protected` and `.private` in the file names are what Twilio's own code reads the visibility from."""
    node = require.program("node")
    require.that(PACKAGES.is_dir(), "twilio-run is not installed (npm install in tests/node/twilio)")
    write(tmp_path, export(["name"]))
    program = """
        const { fsHelpers } = require(process.argv[1] + '/@twilio-labs/serverless-api');
        fsHelpers.getListOfFunctionsAndAssets(process.argv[2], {}).then(({ functions }) => console.log(
          JSON.stringify(functions.map(({ path, access }) => [path, access]).sort())));
    """
    done = subprocess.run([node, "-e", program, PACKAGES, tmp_path], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == sorted(
        [f"/{name}", "protected" if name in SOURCES[:2] else "private"] for name in SOURCES
    )


@pytest.mark.parametrize("name", SOURCES)
def test_the_functions_need_nothing_but_node_itself_and_each_other(name: str) -> None:
    """Only Node's own modules are required, and functions that are exported with them."""
    text = (SHIPPED / f"{name}.js").read_text("utf-8")
    assert set(re.findall(r"\b(?:require|import)\s*\(?\s*'([^']+)'", text)) <= {"crypto", "zlib"}
    loaded = re.findall(r"\brequire\((?!')([^)]*\)[^)]*)\)", text)
    assert {re.sub(r"Runtime\.getFunctions\(\)\.(\w+)\.path", r"\1", one) for one in loaded} <= set(SOURCES[2:])


def test_the_header_row_holds_every_column_as_it_is_named() -> None:
    """Encrypted columns come first, plain ones after them, and odd names survive as CSV."""
    text = export(ODD, plain=["village"])["header.csv"]
    assert list(csv.reader(io.StringIO(text))) == [[*ODD, "village"]]
    assert text.endswith("\r\n")


def test_the_settings_hold_what_is_known_and_leave_the_rest_empty() -> None:
    """The public key and the Sheet are filled in; the service account is for the person to fill in."""
    text = export(["name"], public_key=PUBLIC_KEY, spreadsheet="1abcDEF", worksheet="data 1")[".env.example"]
    settings = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    assert settings == {
        "ENCRYPTION_PUBLIC_KEY": PUBLIC_KEY,
        "GOOGLE_CLIENT_EMAIL": "",
        "GOOGLE_PRIVATE_KEY": "",
        "GOOGLE_SHEET_ID": "1abcDEF",
        "GOOGLE_SHEET_TAB": "data 1",
        "SYNC_SERVICE_SID": "",
    }


def test_the_settings_name_every_variable_that_the_functions_read() -> None:
    """No function reads an environment variable that `.env.example` does not name."""
    read = {
        name
        for source in SOURCES
        for name in re.findall(r"\b(?:GOOGLE|ENCRYPTION|SYNC)_[A-Z_]+\b", (SHIPPED / f"{source}.js").read_text("utf-8"))
    }
    settings = export(["name"])[".env.example"].splitlines()
    assert {line.partition("=")[0] for line in settings if line and line[0] != "#"} == read


@pytest.mark.parametrize(
    "key", [PUBLIC_KEY[:-1], PUBLIC_KEY + "A", "+/" + PUBLIC_KEY[2:], PUBLIC_KEY[:-1] + "B", "x y"]
)
def test_what_is_no_public_key_is_refused_and_not_repeated(key: str) -> None:
    """It could be a private key or a passphrase, so the error does not show it."""
    with pytest.raises(KeyWrong) as caught:
        export(["name"], public_key=key)
    assert key not in caught.value.message + caught.value.hint


def _generate(*, on_the_curve: bool) -> tuple[Secret, str]:
    """Make a key pair whose private key could, or could not, be a public key."""
    while True:
        private, public = sealing.generate()
        with contextlib.suppress(KeyWrong):
            public_key.check(private.reveal())
            if on_the_curve:
                return private, sealed_box.encode_key(public)
            continue
        if not on_the_curve:
            return private, sealed_box.encode_key(public)


def test_a_private_key_in_the_public_ones_place_is_refused_though_no_other_key_is_known() -> None:
    """What is not on the curve cannot be a public key."""
    private, _ = _generate(on_the_curve=False)
    with pytest.raises(KeyWrong, match="may be the private one") as caught:
        export(["name"], public_key=private.reveal())
    assert private.reveal() not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("padding", ["", "="])
def test_a_private_key_in_the_public_ones_place_is_recognised_by_the_jobs_own(padding: str) -> None:
    """Where the private key can be read, a pasted one is always known."""
    private, _ = _generate(on_the_curve=True)
    with pytest.raises(KeyWrong, match="holds the private key"):
        export(["name"], public_key=private.reveal() + padding, private_keys=[private])


def test_every_public_key_is_taken_for_one() -> None:
    """The check by the curve refuses no key that keygen makes."""
    for _ in range(200):
        private, public = sealing.generate()
        export(["name"], public_key=sealed_box.encode_key(public), private_keys=[private])


def test_a_public_key_that_no_private_key_belongs_to_is_refused() -> None:
    """Answers that are encrypted for it could not be decrypted; a source that holds no key proves nothing."""
    other = sealing.generate()[0]
    with pytest.raises(KeyWrong, match="belongs to none of private_keys"):
        export(["name"], public_key=PUBLIC_KEY, private_keys=[other])
    export(["name"], public_key=PUBLIC_KEY, private_keys=[other, Secret(PRIVATE_KEY)])
    export(["name"], public_key=PUBLIC_KEY, private_keys=[Secret("not a key")])


@pytest.mark.parametrize("text", ["a\nGOOGLE_PRIVATE_KEY=x", "a\rb", "a\u2028b", "a\u0085b", "a\x00b", "a\u202eb"])
@pytest.mark.parametrize("where", ["worksheet", "spreadsheet"])
def test_no_setting_adds_a_line_to_the_settings(text: str, where: str) -> None:
    """A tab's title with a line break would else set another variable."""
    with pytest.raises(ConfigurationError, match="line break"):
        export(["name"], **{where: text})  # type: ignore[arg-type]  # mypy cannot know the name


@pytest.mark.parametrize("title", ["data #2", "'data'", '"data"', "`a`", "it's", "it's #1", 'say "x"', "a\\nb", "#"])
def test_a_tabs_title_is_read_back_as_it_was_by_twilios_own_tools(tmp_path: Path, title: str) -> None:
    """What dotenv takes for a comment, a quote or a blank is quoted."""
    node = require.program("node")
    require.that((PACKAGES / "dotenv").is_dir(), "twilio-run is not installed (npm install in tests/node/twilio)")
    (tmp_path / ".env").write_text(export(["name"], worksheet=title)[".env.example"], "utf-8")
    program = "console.log(JSON.stringify(require(process.argv[1]).parse(require('fs').readFileSync(process.argv[2]))))"
    done = subprocess.run(
        [node, "-e", program, PACKAGES / "dotenv", tmp_path / ".env"], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["GOOGLE_SHEET_TAB"] == title


@pytest.mark.parametrize("title", [" data", "data ", "# ' \"", "# \\n"])
def test_a_title_that_twilios_tools_would_read_otherwise_is_refused(title: str) -> None:
    """Blanks at its ends are lost, and no quote is left for it."""
    with pytest.raises(ConfigurationError, match="cannot be written"):
        export(["name"], worksheet=title)


def test_a_name_with_backticks_stays_one_piece_of_code_in_the_steps() -> None:
    """A column's name never ends the code around it."""
    assert "`` a`b ``" in export(["a`b"])["STEPS.md"]


def test_a_padded_public_key_is_one_too() -> None:
    """The padding of base64 is optional."""
    assert f"ENCRYPTION_PUBLIC_KEY={PUBLIC_KEY}=\n" in export(["name"], public_key=f"{PUBLIC_KEY}=")[".env.example"]


@pytest.mark.parametrize(
    ("columns", "plain", "says"),
    [
        ([], [], "no column"),
        (["  "], [], "blank"),
        (["a\nb"], [], "line break"),
        (["request"], [], "request"),
        (["_submission"], [], "_submission"),
        (["name"], [" _tries "], "_tries"),
        (["=HYPERLINK(0)"], [], "formula"),
        ([" @x"], [], "formula"),
        (["{{x}}"], [], "{{x}}"),
        (["{% x"], [], "{% x"),
        (["name"], ["name "], "twice"),
        (["caf\u00e9"], ["cafe\u0301"], "twice"),
    ],
)
def test_a_column_that_a_flow_cannot_carry_is_refused(columns: list[str], plain: list[str], says: str) -> None:
    """Twilio would lose it in silence, so the export says so before the survey begins."""
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        export(columns, plain=plain)


@pytest.mark.parametrize("domain", ["survey-1-dev.twil.io", "https://survey-1-dev.twil.io/"])
def test_the_functions_domain_goes_into_the_flow_and_the_steps(domain: str) -> None:
    """Once the functions are deployed, an export names their real addresses."""
    files = export(["name"], domain=domain)
    urls = [state["properties"]["url"] for state in _states(files["studio_flow.json"]) if "url" in state["properties"]]
    names = ("encrypt_fields", "publish_to_sheet", "publish_to_sheet")
    assert urls == [f"https://survey-1-dev.twil.io/{name}" for name in names]
    assert all(url in files["STEPS.md"] for url in urls)


def test_what_is_no_domain_is_refused() -> None:
    """An address with a path would make two wrong addresses."""
    with pytest.raises(ConfigurationError, match="domain"):
        export(["name"], domain="survey.twil.io/encrypt_fields")


def test_the_steps_list_every_question_and_parameter_as_the_flow_has_them() -> None:
    """The page and the flow are made from the same questions."""
    files = export(ODD, plain=["village"])
    for state in _states(files["studio_flow.json"]):
        for parameter in state["properties"].get("parameters", []):
            key = parameter["key"].replace("|", "\\|")
            assert f"| `{key}` | `{parameter['value']}` |" in files["STEPS.md"]
    assert "`village`" in files["STEPS.md"].split("stay readable")[1].splitlines()[0]


def test_the_steps_say_who_can_read_what_waits_in_sync() -> None:
    """A column that is not encrypted is readable there as it is in the Sheet."""
    assert "but the columns `village` readable" in export(["name"], plain=["village"])["STEPS.md"]
    assert "which nobody can read without the private key" in export(["name"])["STEPS.md"]


def test_the_steps_do_not_speak_of_readable_columns_where_there_are_none() -> None:
    """A survey that encrypts everything has none."""
    assert "stay readable" not in export(["name"])["STEPS.md"]


def test_a_job_of_the_configuration_fills_in_its_sheet_and_columns(tmp_path: Path) -> None:
    """The columns, the spreadsheet's id and the tab come from the job."""
    address = "https://docs.google.com/spreadsheets/d/1abcDEF/edit#gid=0"
    job = Job(spreadsheet=address, worksheet="data", columns=("name", "phone"), output=tmp_path / "x.csv")
    files = for_job(job, plain=["village"], public_key=PUBLIC_KEY)
    assert files == export(
        ["name", "phone"], plain=["village"], public_key=PUBLIC_KEY, spreadsheet="1abcDEF", worksheet="data"
    )
    assert "GOOGLE_SHEET_TAB=\n" in for_job(job.model_copy(update={"worksheet": None}))[".env.example"]


def test_a_job_without_listed_columns_is_refused(tmp_path: Path) -> None:
    """With "auto" the configuration does not say what to ask."""
    job = Job(spreadsheet="1abcDEF", columns="auto", output=tmp_path / "x.csv")
    with pytest.raises(ConfigurationError, match="auto"):
        for_job(job)


def test_writing_makes_the_folder_and_gives_the_paths(tmp_path: Path) -> None:
    """Every file lies where its name says, in UTF-8 and with the line ends that it was given."""
    folder = tmp_path / "new" / "functions"
    files = export(ODD)
    paths = write(folder, files)
    assert {path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in paths} == files


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    """The same export into the same folder succeeds."""
    assert write(tmp_path, export(["name"])) == write(tmp_path, export(["name"]))


def test_a_file_that_somebody_changed_is_not_overwritten(tmp_path: Path) -> None:
    """A flow with the survey's own questions stays, and no other file is written either."""
    (tmp_path / "studio_flow.json").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"studio_flow\.json already exists"):
        write(tmp_path, export(["name"]))
    assert [path.name for path in tmp_path.iterdir()] == ["studio_flow.json"]
    assert (tmp_path / "studio_flow.json").read_text() == "mine"


def test_a_folder_in_a_files_place_is_not_overwritten(tmp_path: Path) -> None:
    """Whatever lies there is the user's."""
    (tmp_path / "header.csv").mkdir()
    with pytest.raises(ConfigurationError, match=r"header\.csv already exists"):
        write(tmp_path, export(["name"]))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """There is a file where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write(tmp_path / "file", export(["name"]))


def test_no_exported_file_holds_a_private_key() -> None:
    """Only the public key is ever asked for, and no file contains an example of a private one."""
    for text in export(["name"], public_key=PUBLIC_KEY).values():
        assert PRIVATE_KEY not in text
        assert not re.search(r"BEGIN PRIVATE KEY-----\s*[A-Za-z0-9+/]{20}", text)


def _states(text: str) -> list[dict[str, Any]]:
    states: list[dict[str, Any]] = json.loads(text)["states"]
    return states
