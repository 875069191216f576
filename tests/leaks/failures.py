"""Cases: a configuration that is wrong, and what Google, the network, the vault and a mistake of ours bring about."""

import contextlib
import json
import shutil
from unittest import mock

from sheets_decrypt.runs.lock import one_run
from sheets_decrypt.sandbox.google import Fault
from sheets_decrypt.table import Secret
from tests import mounts, quick_vault
from tests.leaks.house import PROXY_PASSWORD, House, case, here, some
from tests.survey import CSV, VAULT_PASSPHRASE

# A configuration that is wrong


@case
def _secrets_pasted_into_the_configuration(house: House) -> None:
    survey, path = house.world.survey, house.world.path
    key, secret = survey.private_key.reveal(), survey.passphrase.reveal()
    right = path.read_text(encoding="utf-8")
    wrong = (
        f'[keys]\nprivate_keys = ["{key}"]\n', f'[keys]\nprivate_keys = "{key}"\n', f"[keys]\nprivate_keys = {key}\n",
        f'[keys]\npassphrases = [{{ passphrase = "{secret}" }}]\n', f'[keys]\npassphrases = [{{ file = "{secret}\n',
        f'[keys]\npublic_key = "{secret}"\n', f'[keys]\nlegacy_secrets = [{{ env = ["{secret}"] }}]\n',
    )  # fmt: skip
    for text in some((right.replace("deadline = 30", f'deadline = "{secret}"'), *wrong), 4):
        path.write_text(text if "[jobs" in text else text + right[right.index("[jobs") :], encoding="utf-8")
        house.pull("--json", code=2)
        house.run("config", "validate", "--config", path, code=2)
        house.run("check", "--config", path, "--no-network", "--json", code=2)


@case
def _secrets_as_options_and_arguments(house: House) -> None:
    survey = house.world.survey
    for secret in some([survey.private_key.reveal(), survey.passphrase.reveal(), survey.legacy_secret.reveal()], 1):
        for option in ("--secret-key", "--secret_key", "--private-key", "--private_key", "--passphrase"):
            house.run("pull", option, secret, code=2)
            house.run("pull", f"{option}={secret}", code=2)
        house.run("pull", secret, code=2)


# Google, the network and the vault


@case
def _what_google_refuses(house: House) -> None:
    google = house.world.google
    house.world.google_settings["deadline"] = 2
    house.world.configure()
    faults = [Fault("token", "invalid_grant", None), Fault("values", "status", None, status=403)]
    faults += [Fault("values", what, None) for what in ("truncate", "disabled", "scope", "html", "page", "reset")]
    faults += [Fault(kind, what, None) for kind in ("token", "spreadsheet") for what in ("html", "truncate", "page")]
    for fault in some(faults):
        google.fault(fault)
        house.pull("--json", code=(5, 6))
        google.clear_faults()


@case
def _a_proxy_with_a_password_that_cannot_be_reached(house: House) -> None:
    house.world.google_settings |= {"proxy": f"http://me:{PROXY_PASSWORD}@127.0.0.1:1", "deadline": 1}
    house.world.configure()
    house.pull("--json", code=6)
    house.run("check", "--config", house.world.path, "--json", code=6)


@case
def _a_key_file_that_is_none(house: House) -> None:
    file = house.world.folder / "keys/credentials.json"
    content = json.loads(house.world.google.key_file.read_text(encoding="utf-8"))
    house.world.google_settings["credentials"] = str(file)
    house.world.configure()
    broken = content | {"private_key": content["private_key"][:-90]}
    pem = content["private_key"]
    for text in some((json.dumps(content)[:-9], json.dumps(broken), pem, json.dumps(pem))):
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        house.pull("--json", code=5)
        house.run("check", "--config", house.world.path, "--json", code=5)


@case
def _a_sheet_that_is_refused(house: House) -> None:
    world = house.world
    house.pull(code=0)
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet[:2])
    house.pull("--json", code=9)
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet[1:])  # answers where the names should be
    house.pull("--json", code=9)
    house.run("check", "--config", world.path, "--json", code=9)


@case
def _a_vault_that_does_not_open(house: House) -> None:
    house.world.keep("vault", house.world.survey.passphrase.reveal())
    house.pull("--json", code=7)
    house.run("vault", "ls", "--config", house.world.path, code=7)
    shutil.rmtree(house.world.vault_folder)
    house.pull("--json", code=7)


@case
def _a_place_that_is_not_encrypted(house: House) -> None:
    del house.world.settings["vault"]
    house.world.configure(output=str(house.world.folder / "plain/a.csv"))
    (house.world.folder / "plain").mkdir()
    house.pull("--json", code=7)
    assert not list((house.world.folder / "plain").iterdir())


@case
def _a_vault_on_a_full_disk(house: House) -> None:
    world = house.world
    with mounts.tmpfs(world.folder / "small", "256k") as small:
        quick_vault.create(small / "vault", Secret(VAULT_PASSPHRASE))
        world.settings["vault"] = {"cryptomator": str(small / "vault"), "passphrase": {"file": "keys/vault"}}
        world.configure()
        with contextlib.suppress(OSError), (small / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                pass
        house.pull("--json", code=7)
        house.places.add_folder(small)


@case
def _another_run_under_way(house: House) -> None:
    with one_run(house.world.vault.identity(CSV)):
        house.pull("--json", code=8)


# Mistakes of ours


@case
def _an_error_of_our_own(house: House) -> None:
    """An exception whose text is a secret ends in a line without it, in the log and the record as well."""
    secret = house.world.survey.passphrase.reveal()
    for place in ("sheets_decrypt.story.pull.open_vault", "sheets_decrypt.config.load"):
        with mock.patch(place, side_effect=RuntimeError(secret)):
            done, _ = here(
                ("pull", "--config", house.world.path, "--json"),
                house.world.environment({"TMPDIR": str(house.world.folder)}),
                house.world.folder,
                "",
                house.places,
            )
        house.runs += 1
        house.places.content[f"a bug in {place}"] = (done.out + done.err).encode()
        assert done.code == 1
