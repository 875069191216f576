"""Cases: runs that write, and cells and keys that do not decrypt."""

import html

from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.decryption.ciphers.sealing import seal
from sheets_decrypt.sandbox.google import Cell
from tests import mounts, systems
from tests.input.xlsx import books
from tests.leaks.house import House, case, some, texts_of
from tests.survey import HEADER, csv_of, public_key_of

# Runs that write


@case
def _a_pull_a_second_one_and_their_history(house: House) -> None:
    house.pull("--json", code=0)
    house.pull(code=0)
    house.run("history", "--config", house.world.path, code=0)
    house.run("history", "--config", house.world.path, "--json", code=0)
    house.run("status", "--config", house.world.path, code=0)
    page = house.world.folder / "status.html"
    house.run("status", "--config", house.world.path, "--html", page, "--json", code=0)


@case
def _a_dry_run(house: House) -> None:
    house.pull("--dry-run", "--json", code=0)


@case
def _a_pull_with_copies_and_a_second_csv(house: House) -> None:
    second = house.world.folder / "open/second.csv"
    second.parent.mkdir()
    house.allowed.append(second)
    house.world.configure(keep=2, deidentified={"output": str(second)})
    house.pull("--json", code=0)
    house.world.google.replace_rows(
        house.world.spreadsheet, "data", [*house.world.survey.sheet, ["99", "", "", "", "x"]]
    )
    house.pull("--json", code=0)
    readable = house.canaries.without(name for name in texts_of(house.world) if name.startswith("free"))
    assert not readable.found_in(second.read_bytes())


@case
def _a_pull_with_a_workbook_and_a_dataset(house: House) -> None:
    """Answers are in three files of the vault, and neither on the way to them nor in the report."""
    del house.world.settings["vault"]
    with mounts.gocryptfs(house.world.folder) as drive:
        house.allowed.append(drive.point)
        point = drive.point
        house.world.configure(output=str(point / "a.csv"), also=[str(point / "a.xlsx"), str(point / "b/a.dta")])
        process = not systems.WINDOWS  # only this process takes a letter for a vault
        house.pull("--json", code=0, process=process)
        house.replace("free", "x" * 40_000)  # more than a workbook holds
        house.pull("--json", code=9, process=process)
        house.places.content["report on the drive"] = (point / "a.report.txt").read_bytes()
        assert house.canaries.found_in((point / "b/a.dta").read_bytes())


@case
def _a_pull_with_worker_processes(house: House) -> None:
    world = house.world
    public_key = public_key_of(world.survey)
    rows: list[list[Cell]] = [[str(number), seal(["x"], public_key)[0], "", "", "x"] for number in range(7_500)]
    world.google.replace_rows(world.spreadsheet, "data", [*world.survey.sheet, *rows])
    world.path.write_text("workers = 2\n" + world.path.read_text(encoding="utf-8"), encoding="utf-8")
    house.pull("--json", code=0, process=True)
    assert systems.WINDOWS or house.children >= 2  # children are looked at in /proc


@case
def _a_pull_onto_a_mounted_drive(house: House) -> None:
    del house.world.settings["vault"]
    with mounts.gocryptfs(house.world.folder) as drive:
        house.allowed.append(drive.point)
        house.world.configure(output=str(drive.point / "a.csv"))
        house.pull("--json", code=0, process=not systems.WINDOWS)  # only this process takes a letter for a vault
        history = (drive.point / "a.csv.runs.jsonl").read_bytes()
    house.places.content["history on the drive"] = history


@case
def _keys_in_the_environment_and_a_program_that_prints_one(house: House) -> None:
    systems.only_on("posix", "the program that prints a key is a script")
    world = house.world
    world.keys = {
        "private_keys": [{"command": [str(world.folder / "bin/say-key")]}],
        "legacy_secrets": [{"env": "SURVEY_SECRET"}],
        "passphrases": [{"env": "SHEETS_DECRYPT_PASSPHRASE"}],
    }
    world.configure()
    keys = {
        "SURVEY_SECRET": world.survey.legacy_secret.reveal(),
        "SHEETS_DECRYPT_PASSPHRASE": world.survey.passphrase.reveal(),
        "SHEETS_DECRYPT_LEGACY_SECRET": world.survey.legacy_secret.reveal(),
    }
    house.pull("--json", code=0, environment=keys, process=True)
    assert house.children
    assert (world.folder / "inherited.txt").exists()


@case
def _a_one_off_run(house: House) -> None:
    world = house.world
    with mounts.gocryptfs(world.folder) as drive:
        house.allowed.append(drive.point)
        options = ("--spreadsheet", world.google.url(world.spreadsheet, "data"), "--columns", "name,phone,address")
        environment = world.google.environment() | world.survey.environment()
        done = house.run(
            "pull", *options, "--output", drive.point / "one.csv", "--json", code=0, environment=environment
        )
        assert (drive.point / "one.csv").read_bytes() == world.whole()
    assert done.records()[0]["rows_written"] == len(world.survey.answers)


@case
def _a_file_that_was_downloaded(house: House) -> None:
    world = house.world
    file = world.folder / "download.csv"
    file.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet]))
    house.allowed.append(file)
    with mounts.gocryptfs(world.folder) as drive:
        house.allowed.append(drive.point)
        options = (file, "--columns", "name,phone,address", "--config", world.path)
        house.run("decrypt-file", *options, "--output", drive.point / "a.csv", "--json", code=0)
    answer = html.escape(world.survey.answers[0][1])
    workbook = books.packed(books.parts(books.HEADER + books.row(2, books.text(answer, answer), answer)))
    content = workbook, b'id,name\n1,"' + answer.encode(), b"\xff\xfe" + file.read_bytes(), b""
    for broken in some(content):
        file.write_bytes(broken)
        house.run("decrypt-file", *options, "--output", drive.point / "a.csv", code=(7, 9))


# Cells that do not decrypt


@case
def _damaged_tokens_of_every_format(house: House) -> None:
    house.world.configure(max_shrink=1)
    for column in ("name", "phone", "address"):
        token = str(house.world.survey.sheet[3][HEADER.index(column)])
        changed = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
        for cell in some((token[:-4], changed, f" {token}", token[4:], "#NAME?")):
            house.replace(column, cell, row=3)
            house.pull("--json", code=(0, 3))  # an old format shows not every change


@case
def _cells_that_fail_the_run(house: House) -> None:
    house.world.configure(on_error="fail")
    house.replace("name", str(house.world.survey.sheet[3][1])[:-4])
    house.pull("--json", code=9)


@case
def _readable_answers_among_tokens(house: House) -> None:
    house.replace("phone", house.world.survey.answers[3][2])
    house.replace("free", str(house.world.survey.sheet[2][1]))
    house.pull("--json", code=0)


@case
def _wrong_keys_of_every_format(house: House) -> None:
    others = {
        "private_keys": sealing.generate()[0].reveal(),
        "legacy_secrets": "another secret 12",
        "passphrases": "another one",
    }
    for name, other in others.items():
        file = house.world.folder / "keys" / name
        former = file.read_text(encoding="utf-8")
        file.write_text(other, encoding="utf-8")
        house.pull("--json", code=4)
        house.run("check", "--config", house.world.path, "--json", code=4)
        file.write_text(former, encoding="utf-8")


@case
def _keys_that_are_none(house: House) -> None:
    survey = house.world.survey
    pasted = (
        survey.legacy_secret.reveal(),
        survey.private_key.reveal()[:-3],
        survey.private_key.reveal() + "\nmore",
        "é" * 20,
        "",
    )
    for text in some(pasted):
        house.world.keep("private_keys", text)
        house.pull("--json", code=4)
        house.run("check", "--config", house.world.path, "--no-network", code=4)


@case
def _secrets_in_place_of_their_sources(house: House) -> None:
    """A file's and a program's name are left out: they are what the user must see."""
    survey = house.world.survey
    for source in ("env", "keyring", "credential"):
        for secret in some((survey.passphrase.reveal(), survey.private_key.reveal()), 1):
            value = f"service/{secret}" if source == "keyring" else secret
            house.world.keys = {"private_keys": [{source: value}], "passphrases": [{source: value}]}
            house.world.configure()
            house.pull("--json", code=4)
            house.run("check", "--config", house.world.path, "--no-network", code=4)
