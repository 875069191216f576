"""Cases: the other commands."""

from sheets_decrypt.decryption.ciphers import backup_text, sealed_box
from tests import require, systems
from tests.leaks.canaries import Canaries
from tests.leaks.house import House, case, some, texts_of
from tests.survey import csv_of, public_key_of
from tests.unattended_parts import KEYRING

# The other commands


@case
def _checks(house: House) -> None:
    house.run("check", "--config", house.world.path, code=0)
    house.run("check", "--config", house.world.path, "--no-network", "--json", code=0)


@case
def _files_in_the_vault(house: House) -> None:
    world = house.world
    house.pull(code=0)
    house.run("vault", "ls", "--config", world.path, code=0)
    house.run(
        "vault", "put", "--config", world.path, "notes.txt", code=0, stdin=world.survey.answers[0][1], process=True
    )
    house.run(
        "vault", "put", "--config", world.path, "notes.txt", code=(2, 7), stdin=world.survey.answers[0][1], process=True
    )
    house.run("vault", "cat", "--config", world.path, "nothing.txt", code=(2, 7))


@case
def _a_schedule_installed_shown_run_and_removed(house: House) -> None:
    systems.only_on("posix", "the scheduler is cron")
    cron = ("--backend", "cron")
    at = ("--config", house.world.path, "--daily", "06:30")
    house.run("schedule", "show", *at, *cron, code=0)
    house.run("schedule", "install", *at, *cron, code=0)
    house.run("schedule", "status", *cron, code=0)
    house.run("schedule", "run-now", *cron, code=0)
    house.run("schedule", "remove", *cron, code=0)


@case
def _a_launcher_and_a_test_message(house: House) -> None:
    house.run("launcher", house.world.folder, "--config", house.world.path, code=0)
    house.run("notify", "test", "--config", house.world.path, code=0)


@case
def _an_export_for_twilio(house: House) -> None:
    world = house.world
    world.keys["public_key"] = sealed_box.encode_key(public_key_of(world.survey))
    world.configure()
    house.run("twilio", "export", world.folder / "twilio", "--config", world.path, code=0)


@case
def _an_export_with_a_private_key_pasted_as_the_public_one(house: House) -> None:
    world = house.world
    world.keys["public_key"] = world.survey.private_key.reveal()
    world.configure()
    house.run("twilio", "export", world.folder / "twilio", "--config", world.path, code=(2, 4))


@case
def _secrets_set_and_tested(house: House) -> None:
    require.module("keyrings.alt")
    data = house.world.folder / "data"
    house.allowed.append(data)  # the keyring itself
    environment = KEYRING | {"XDG_DATA_HOME": str(data), "LOCALAPPDATA": str(data)}
    for name in some(("private_key", "passphrase"), 1):
        secret = getattr(house.world.survey, name).reveal()
        house.run("secret", "set", f"survey/{name}", code=0, stdin=secret + "\n", environment=environment, process=True)
        house.run("secret", "set", f"survey/{name}", code=2, stdin=secret + "\n", environment=environment, process=True)
        house.run("secret", "test", f"survey/{name}", code=0, environment=environment, process=True)
        house.run("secret", "set", f"survey/{name}", code=4, stdin=secret + "\n")  # there is no keyring


@case
def _a_new_key(house: House) -> None:
    file = house.world.folder / "keys/new"
    house.run("keygen", "--file", file, code=0, process=True)
    house.run("keygen", "--file", file, code=2)
    house.canaries = Canaries(texts_of(house.world) | {"new key": file.read_text(encoding="utf-8").strip()})


@case
def _a_backup_of_a_key(house: House) -> None:
    require.module("keyrings.alt")
    data, page = house.world.folder / "data", house.world.folder / "page.txt"
    house.allowed += [data, page]
    environment = KEYRING | {"XDG_DATA_HOME": str(data), "LOCALAPPDATA": str(data)}
    there = ("--plain-disk", "--survey", "Baseline")
    house.run("keygen", "--backup", page, *there, code=0, environment=environment, process=True)
    house.run("secret", "show", "private-key", code=2, stdin="y\n\n", environment=environment, process=True)
    house.run("secret", "backup", "private-key", page, *there, code=2, environment=environment, process=True)
    text = page.read_text(encoding="utf-8")
    house.run("secret", "set", "restored", code=0, stdin=text, environment=environment, process=True)
    house.run("secret", "set", "restored", code=2, stdin=text, environment=environment, process=True)
    key = sealed_box.decode_private_key(text) or b""
    lines = {f"line {number} of its backup": line for number, line in enumerate(backup_text.write(key), 1)}
    house.canaries = Canaries(texts_of(house.world) | {"new key": sealed_box.encode_key(key)} | lines)


@case
def _a_new_configuration(house: House) -> None:
    secret = house.world.survey.private_key.reveal()
    answers = (
        "--spreadsheet",
        house.world.spreadsheet,
        "--columns",
        "name",
        "--output",
        house.world.folder / "X/a.csv",
    )
    place = house.world.folder / "new.toml"
    house.run("init", "--config", place, *answers, "--private-key-from", secret, code=(2, 4))
    house.run("init", "--config", place, *answers, "--private-key-from", f"keyring:a/{secret}", code=(0, 2))
    place.unlink(missing_ok=True)
    house.run("init", "--config", place, *answers, "--private-key-from", "file:keys/private_keys", code=(0, 2, 7))


@case
def _explanations_of_the_configuration(house: House) -> None:
    for arguments in (
        ("config", "example"),
        ("config", "keys"),
        ("config", "validate", "--config", house.world.path),
        ("--help",),
    ):
        house.run(*arguments, code=0, environment=house.world.survey.environment())


@case
def _the_demonstration_and_the_sandbox(house: House) -> None:
    environment = house.world.survey.environment()
    house.run("demo", "--folder", house.world.folder / "demo", code=0, environment=environment, process=True)
    file = house.world.folder / "keys/answers.csv"
    file.write_bytes(csv_of([[str(cell) for cell in row] for row in house.world.survey.sheet]))
    house.run("sandbox", "--workbook", file, "--fault", "values:nothing", code=2)
