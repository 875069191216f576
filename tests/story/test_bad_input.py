"""What Google, a key file, a secret or the sheet gets wrong leaves the former CSV as it was."""

import json

import pytest

from sheets_decrypt.sandbox.google import parse_fault
from tests.story.refusals import refused
from tests.survey import HEADER, World, csv_of


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("token:invalid_grant=Invalid JWT Signature.*", 5, "key"),
        ("token:invalid_grant=Invalid grant: account not found*", 5, "account"),
        ("spreadsheet:403*", 5, "Viewer"),
        ("spreadsheet:disabled*", 5, "api"),
        ("spreadsheet:scope*", 5, "scope"),
        ("spreadsheet:404*", 5, "id"),
        ("spreadsheet:unsupported*", 5, "Save as Google Sheets"),
        ("values:429;retry-after=0*", 6, "quota"),
        ("values:503;retry-after=0*", 6, "tried 5 times"),
        ("token:500;retry-after=0*", 6, "tried 5 times"),
        ("spreadsheet:html*", 6, "not google"),
        ("values:html*", 6, "not google"),
        ("connect:407*", 6, "proxy"),
    ],
)
def test_what_google_refuses_leaves_the_former_csv(former: World, fault: str, code: int, words: str) -> None:
    """Each row of Google's table: one clear line, a hint, its exit code, and nothing lost."""
    former.google.fault(parse_fault(fault))
    refused(former, code, words)
    assert former.history()[0]["exit_code"] == code


def test_a_clock_that_is_off_is_told_with_the_skew(former: World) -> None:
    """Google refuses a sign-in from the wrong hour; the error says by how much."""
    former.google.fault(parse_fault("token:skew=7200*"))
    refused(former, 5, "clock", "set the clock")


def test_a_sheet_that_is_not_shared_names_the_address_to_share_it_with(former: World) -> None:
    """The hint holds the service account's address."""
    former.google.share(former.spreadsheet, shared=False)
    refused(former, 5, former.google.client_email, "Viewer")


def test_an_unknown_spreadsheet_or_tab_is_refused(former: World) -> None:
    """A wrong id, title or gid: exit code 5, with the tabs that there are."""
    former.configure(spreadsheet="1nobodyhasthisid_1234567890abcdefghijklmnopq")
    refused(former, 5, "id")
    former.configure(worksheet="dta")
    refused(former, 5, 'did you mean "data"?')
    former.configure(spreadsheet=former.google.url(former.spreadsheet) + "#gid=99")
    refused(former, 5, "gid 99", '"data" (gid 7)')


def test_a_dead_proxy_is_told_without_its_password(former: World) -> None:
    """A network that is not there is exit code 6, and the proxy's password is not in the message."""
    former.google_settings |= {"proxy": "http://someone:proxy-geheim@127.0.0.1:9", "deadline": 0.5}
    former.configure()
    done = refused(former, 6, "proxy")
    assert "proxy-geheim" not in done.err + json.dumps(former.history())


# Bad input: the key file and the keys


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("{", "not JSON"),
        ('{"type": "authorized_user", "refresh_token": "1//geheim"}', "a person's login"),
        ('{"installed": {"client_secret": "geheim"}}', "OAuth client"),
        ('{"type": "service_account", "client_email": "a@b"}', "private_key"),
    ],
)
def test_a_key_file_of_another_kind_is_refused(former: World, content: str, words: str) -> None:
    """Each names what the file is, exit code 5, and nothing of what is in it."""
    key_file = former.folder / "other.json"
    key_file.write_text(content)
    former.google_settings["credentials"] = str(key_file)
    former.configure()
    done = refused(former, 5, words, str(key_file))
    assert "geheim" not in done.err
    assert former.google.requests == []


def test_a_key_file_with_literal_line_breaks_is_refused(former: World) -> None:
    """The field and the cure are named; the key is not shown."""
    content = json.loads(former.google.key_file.read_text())
    lines = content["private_key"].splitlines()
    content["private_key"] = "\\n".join(lines)
    former.google.key_file.write_text(json.dumps(content))
    done = refused(former, 5, "private_key", "\\n")
    assert lines[1] not in done.err


def test_a_key_file_that_is_a_folder_is_refused(former: World) -> None:
    """A folder is reported as one, exit code 5."""
    former.google_settings["credentials"] = str(former.folder)
    former.configure()
    refused(former, 5, "is a folder")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("private_keys", "not a key at all!", "private key"),
        ("legacy_secrets", "señal-secreta-01", "17 bytes"),
        ("private_keys", "", "is empty"),
    ],
)
def test_a_secret_that_can_be_no_key_is_refused(former: World, name: str, text: str, words: str) -> None:
    """It is exit code 4 before Google is asked, and what the file held is not shown."""
    former.keep(name, text)
    done = refused(former, 4, words)
    assert not text or text not in done.err
    assert former.google.requests == []


# Bad input: the sheet


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ([], "header"),
        (["", "", ""], "header"),
        (["id", "nam", "phone", "address", "free"], 'did you mean "nam"?'),
        (["id", "name", "name", "phone", "address"], "appears twice in the header"),
        (["id", "", "phone", "address", "free"], '"name" not found in row 1, which has 5 columns'),
    ],
)
def test_a_header_that_does_not_fit_is_refused(former: World, header: list[str], words: str) -> None:
    """No header, or a configured column that is not there exactly once: exit code 9."""
    former.google.replace_rows(former.spreadsheet, "data", [list(header), *former.survey.sheet[1:]] if header else [])
    refused(former, 9, words)


def test_blank_and_duplicate_names_of_other_columns_are_written_as_they_are(world: World) -> None:
    """Only the configured columns must be there exactly once."""
    world.configure(columns=["name"])
    header = ["", "name", "x", "x", "", "end"]
    rows = [[row[0], row[1], "", "", row[4]] for row in world.survey.sheet[1:]]
    world.google.replace_rows(world.spreadsheet, "data", [header, *rows])
    assert world.pull().code == 0
    assert world.csv() == csv_of([header, *([row[0], row[1], "", "", row[4], ""] for row in world.survey.answers)])


def test_cells_that_sheets_turned_into_errors_are_named(world: World) -> None:
    """A token that someone retyped became #ERROR!; its row is named, and the rest is written."""
    world.survey.sheet[4][2] = "#ERROR!"
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    done = world.pull()
    assert done.code == 3
    assert 'row 5, column "phone": the cell was retyped' in done.err
    world.survey.answers[3][2] = "#ERROR!"
    assert world.csv() == world.whole()


def test_ragged_shifted_and_retyped_rows_are_told(world: World) -> None:
    """Short rows are filled, what lies beside the header is named, and numbers keep every digit."""
    sheet = world.survey.sheet
    sheet[1][2] = 573005550001  # a number where a token belongs
    sheet[2] = [*sheet[2], "beyond", sheet[3][1]]
    sheet[3] = sheet[3][:2]
    sheet[4][4] = True
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    done = world.pull()
    assert done.code == 3
    assert 'column "phone": 1 cell is readable in the sheet' in done.err
    assert 'column "phone": row 2 came as a number' in done.err
    assert "row 3: data to the right of the header is left out" in done.err
    answers = world.survey.answers
    answers[0][2], answers[2][2:], answers[3][4] = "573005550001", ["", "", ""], "TRUE"
    assert world.csv() == world.whole()


def test_values_come_out_as_they_went_in(world: World) -> None:
    """Nothing is numericised, and only what a spreadsheet would run is guarded, and counted."""
    free = ["007", "1e5", "nan", "=1+1", "+44 7700 900000", "No Data"]
    for row, text in zip(world.survey.sheet[1:], free, strict=True):
        row[4] = text
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    [record] = world.pull("--json").records()
    assert record["guarded_cells"] == 1
    for answer, text in zip(world.survey.answers, free, strict=True):
        answer[4] = "'" + text if text.startswith("=") else text
    assert world.csv() == world.whole()


def test_a_sheet_without_rows_is_a_header_and_a_warning(world: World) -> None:
    """A survey that no one has answered yet is not an error."""
    world.google.replace_rows(world.spreadsheet, "data", [list(HEADER)])
    done = world.pull()
    assert done.code == 0
    assert "warning: baseline: the sheet has a header and no rows" in done.err
    assert world.csv() == csv_of([HEADER])
