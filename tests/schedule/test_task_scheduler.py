"""A Windows task: its XML follows the published schema and the request; a stand-in schtasks logs its calls."""

import csv
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule import install, steps
from sheets_decrypt.schedule.expression import Calendar
from sheets_decrypt.schedule.interface import Found, Reply
from sheets_decrypt.schedule.task_scheduler import NAMESPACE, TaskScheduler, encoded, task_xml
from sheets_decrypt.schedule.timing import Every, Timing, parse
from tests.schedule.tasks import StandIn, windows_task

NOW = datetime(2026, 3, 6, 7, 0)  # noqa: DTZ001  (local time)
BACKEND = TaskScheduler(Path("/tmp"), NOW)
TASK = "\\sheets-decrypt-baseline"
XML = ("schtasks", "/Query", "/TN", TASK, "/XML")
NEXT = ("schtasks", "/Query", "/TN", TASK, "/FO", "CSV", "/NH")

SCHTASKS = """
task = state / "task.xml"
match arguments:
    case ["/Create", "/TN", name, "/XML", file, "/F"]:
        content = pathlib.Path(file).read_bytes()
        assert content.startswith(b"\\xff\\xfe"), "no byte order mark"
        task.write_text(content.decode("utf-16"))
        print("SUCCESS: The scheduled task has successfully been created.")
    case ["/Query", "/TN", name, *rest] | ["/Delete", "/TN", name, *rest] | ["/Run", "/TN", name, *rest]:
        if not task.exists():
            sys.exit("ERROR: The system cannot find the file specified.")
        if rest == ["/XML"]:
            sys.stdout.buffer.write(task.read_text().encode("cp850", "replace"))
        elif "CSV" in rest:
            print('"' + name + '","3/9/2026 6:30:00 AM","Ready"')
        elif arguments[0] == "/Delete":
            task.unlink()
    case ["/Query", "/FO", "CSV", "/NH"]:
        print('"\\\\Mine","N/A","Ready"')
        if task.exists():
            print('"\\\\sheets-decrypt-baseline","3/9/2026 6:30:00 AM","Ready"')
    case _:
        sys.exit("ERROR: Invalid syntax.")
"""

# The published schema: a sequence is ordered, an "all" is not, a choice takes one.
BASE = ["Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit"]
SCHEDULES = {"ScheduleByDay", "ScheduleByWeek", "ScheduleByMonth", "ScheduleByMonthDayOfWeek"}
DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
ALL = {
    "Task": {"RegistrationInfo", "Triggers", "Settings", "Data", "Principals", "Actions"},
    "RegistrationInfo": {"URI", "Source", "Date", "Author", "Version", "Description", "Documentation"},
    "Repetition": {"Interval", "Duration", "StopAtDurationEnd"},
    "ScheduleByDay": {"DaysInterval"},
    "ScheduleByWeek": {"WeeksInterval", "DaysOfWeek"},
    "ScheduleByMonth": {"DaysOfMonth", "Months"},
    "ScheduleByMonthDayOfWeek": {"Weeks", "DaysOfWeek", "Months"},
    "DaysOfWeek": set(DAYS),
    "Months": set(MONTHS),
    "Principal": {"UserId", "GroupId", "DisplayName", "LogonType", "RunLevel"},
    "Exec": {"Command", "Arguments", "WorkingDirectory"},
    "Settings": {
        *("AllowStartOnDemand", "RestartOnFailure", "MultipleInstancesPolicy", "DisallowStartIfOnBatteries"),
        *("StopIfGoingOnBatteries", "AllowHardTerminate", "StartWhenAvailable", "RunOnlyIfNetworkAvailable"),
        *("WakeToRun", "Enabled", "Hidden", "DeleteExpiredTaskAfter", "IdleSettings", "ExecutionTimeLimit"),
        *("Priority", "RunOnlyIfIdle"),
    },
}
DURATION = re.compile(r"PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


def tree(timing: Timing, jitter: int = 0) -> ET.Element:
    """Return the task's XML without its namespace, parsed from the bytes that schtasks gets."""
    content = encoded(task_xml(windows_task(timing, jitter=jitter)))
    assert content[:2] == b"\xff\xfe"
    text = content.decode("utf-16")
    assert text.startswith('<?xml version="1.0" encoding="UTF-16"?>\r\n')
    root = ET.fromstring(text.partition("?>")[2])
    for element in root.iter():
        namespace, _, element.tag = element.tag.partition("}")
        assert namespace[1:] == NAMESPACE
    return root


def seconds(duration: str) -> int:
    """Return the seconds of a duration such as PT1H30M."""
    match = DURATION.fullmatch(duration)
    assert match is not None, duration
    hours, minutes, rest = (int(number or 0) for number in match.groups())
    return hours * 3600 + minutes * 60 + rest


def check_schema(root: ET.Element) -> None:
    """Check a task against the schema's rules."""
    assert root.attrib == {"version": "1.2"}
    for element in root.iter():
        names = [child.tag for child in element]
        if element.tag in ALL:
            assert len(names) == len(set(names))
            assert set(names) <= ALL[element.tag]
    triggers = root.findall("Triggers/*")
    assert 1 <= len(triggers) <= 48
    for trigger in triggers:
        check_trigger(trigger)
    principal = root.find("Principals/Principal")
    actions = root.find("Actions")
    assert principal is not None
    assert actions is not None
    assert actions.get("Context") == principal.get("id")
    assert [child.tag for child in actions] == ["Exec"]


def check_trigger(trigger: ET.Element) -> None:
    """Check a trigger's order of elements: that of triggerBaseType, then that of its extension."""
    order = [*BASE, "RandomDelay", *sorted(SCHEDULES)]
    names = [child.tag for child in trigger]
    assert names == sorted(names, key=order.index)
    assert len(names) == len(set(names))
    assert len(SCHEDULES & set(names)) == (trigger.tag == "CalendarTrigger")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", trigger.findtext("StartBoundary", ""))
    for path in ("Repetition/Interval", "Repetition/Duration"):
        assert 60 <= seconds(trigger.findtext(path, "PT1M")) <= 31 * 86400
    assert seconds(trigger.findtext("RandomDelay", "PT1S")) > 0
    assert all(1 <= int(day.text or 0) <= 31 for day in trigger.iterfind("*/DaysOfMonth/Day"))
    weeks = trigger.find("ScheduleByMonthDayOfWeek/Weeks")
    if weeks is not None:
        assert 1 <= len(weeks) <= 5
        assert {child.tag for child in weeks} == {"Week"}
        assert all(re.fullmatch("[1-4]|Last", week.text or "") for week in weeks)


def starts(root: ET.Element, first: datetime, last: datetime) -> set[datetime]:
    """Return the times at which Task Scheduler would start the task, according to its documentation of triggers."""
    found = set()
    for trigger in root.iterfind("Triggers/*"):
        begin = datetime.fromisoformat(trigger.findtext("StartBoundary", ""))
        interval = seconds(trigger.findtext("Repetition/Interval", "PT24H"))
        if trigger.tag == "TimeTrigger":
            missed = (first - begin) // timedelta(seconds=interval)
            days = [begin + missed * timedelta(seconds=interval)]
            lasting = (last - days[0]).total_seconds()
        else:
            # one day earlier, because its repetitions may reach into the first requested day
            at = [first + timedelta(days=number - 1) for number in range((last - first).days + 2)]
            days = [datetime.combine(day, begin.time()) for day in at if day_fits(trigger, day)]
            lasting = seconds(trigger.findtext("Repetition/Duration", "PT1S"))
        for day in days:
            found |= {day + timedelta(seconds=gone) for gone in range(0, int(lasting), interval)}
    return {start for start in found if first <= start < last}


def day_fits(trigger: ET.Element, day: datetime) -> bool:
    """Return whether a calendar trigger starts on a day."""
    week, month = trigger.find("ScheduleByWeek/DaysOfWeek"), trigger.find("ScheduleByMonth")
    nth = trigger.find("ScheduleByMonthDayOfWeek")
    weekday, month_name = DAYS[day.isoweekday() % 7], MONTHS[day.month - 1]
    if week is not None:
        return weekday in [child.tag for child in week]
    if month is not None:
        numbers = [child.text for child in month.iterfind("DaysOfMonth/Day")]
        return str(day.day) in numbers and month_name in [child.tag for child in month.iterfind("Months/*")]
    if nth is not None:
        weeks = [child.text for child in nth.iterfind("Weeks/Week")]
        last = (day + timedelta(days=7)).month != day.month
        return (
            (str((day.day + 6) // 7) in weeks or (last and "Last" in weeks))
            and weekday in [child.tag for child in nth.iterfind("DaysOfWeek/*")]
            and month_name in [child.tag for child in nth.iterfind("Months/*")]
        )
    return trigger.findtext("ScheduleByDay/DaysInterval") == "1"


fields = st.tuples(
    st.sampled_from(["*", "0", "*/15", "5,50", "10-20/5", "*/7", "59"]),
    st.sampled_from(["*", "6", "*/6", "8-17", "0,23", "8-18/2"]),
    st.sampled_from(["*", "1", "*/2", "13,31", "1-31"]),
    st.sampled_from(["*", "2", "jan-mar", "*/3"]),
    st.sampled_from(["*", "0", "7", "mon-fri", "fri-sun", "1,3", "0-7"]),
).map(" ".join)
timings = st.one_of(
    fields.map(lambda text: parse(cron=text)),
    st.integers(1, 1440).filter(lambda minutes: 1440 % minutes == 0).map(Every),
)


@example(parse(cron="0 6 * 3 mon"), date(2026, 3, 29))  # a fifth Monday is the last one
@example(parse(cron="0 6 1 2 0-7"), date(2026, 2, 1))  # either day matches, and the weekday always does
@given(timings, st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_the_task_starts_exactly_at_the_requested_times(timing: Timing, day: date) -> None:
    """Over three days, the triggers start at the times of the cron expression, or the task is refused."""
    first = datetime.fromisoformat(f"{day}T00:00:00")
    last = first + timedelta(days=3)
    try:
        root = tree(timing, jitter=90)
    except ConfigurationError:
        return
    check_schema(root)
    minutes = [first + timedelta(minutes=number) for number in range(3 * 1440)]
    if isinstance(timing, Calendar):
        times = set(timing.times())
        expected = {at for at in minutes if timing.matches(at.date()) and at.hour * 60 + at.minute in times}
    else:
        expected = {at for at in minutes if (at.hour * 60 + at.minute) % timing.minutes == 0}
    assert starts(root, first, last) == expected


def test_the_task_runs_as_the_user_on_battery_and_after_sleep() -> None:
    """A vault's drive letter belongs to the user's session, and a laptop sleeps and runs on its battery."""
    root = tree(parse(daily="06:30", weekdays="mon-fri"), jitter=90)
    check_schema(root)
    assert root.findtext("Principals/Principal/LogonType") == "InteractiveToken"
    assert root.findtext("Principals/Principal/RunLevel") == "LeastPrivilege"
    assert {child.tag: child.text for child in root.iterfind("Settings/*")} == {
        "MultipleInstancesPolicy": "IgnoreNew",
        "DisallowStartIfOnBatteries": "false",
        "StopIfGoingOnBatteries": "false",
        "StartWhenAvailable": "true",
        "ExecutionTimeLimit": "PT1H",
    }
    assert root.findtext("Triggers/CalendarTrigger/RandomDelay") == "PT1M30S"
    assert PureWindowsPath(root.findtext("Actions/Exec/Command", "")).is_absolute()
    assert "--jitter" not in root.findtext("Actions/Exec/Arguments", "")


def test_paths_with_spaces_and_markup_survive() -> None:
    """Arguments are quoted as Windows programs parse them, and the text is escaped as XML requires."""
    text = task_xml(windows_task(user="Zoë & <Ann> O'Neil"))
    root = ET.fromstring(text.partition("?>")[2])
    arguments = root.findtext(f".//{{{NAMESPACE}}}Arguments", "")
    config = "C:\\Users\\Zoë & <Ann> O'Neil\\AppData\\Local\\sheets-decrypt\\sheets-decrypt.toml"
    assert arguments.startswith(f'-m sheets_decrypt pull --config "{config}" --quiet --log "C:')


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 6 */2 * sun", "cannot combine days of the month with weekdays"),
        ("0 6 */2 jan sun", "cannot combine days of the month with weekdays"),
        ("0,10,13 */1 * * *", "takes 72 triggers"),
    ],
)
def test_schedules_that_a_task_cannot_run_are_refused(expression: str, message: str) -> None:
    """A timing that triggers cannot express is refused with a hint, never approximated."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        task_xml(windows_task(parse(cron=expression)))
    assert caught.value.hint


@pytest.mark.parametrize("folder", ["%USERNAME%", "$(Arg0)"])
def test_a_path_that_windows_would_expand_is_refused(folder: str) -> None:
    """Task Scheduler would replace variables in the command."""
    with pytest.raises(ConfigurationError, match="would expand a variable"):
        task_xml(windows_task(user=folder))


def test_a_credential_of_systemd_is_refused() -> None:
    """A credential exists only under systemd."""
    with pytest.raises(ConfigurationError, match="available only under systemd"):
        task_xml(replace(windows_task(), credentials=(("key", PureWindowsPath("C:\\key")),)))


def reported(text: str, code: int = 0, listing: str = "") -> Found:
    """Return the replies of schtasks."""
    return Found(replies={XML: Reply(code, text.encode()), NEXT: Reply(0, listing.encode())})


def as_returned_by_windows(text: str) -> str:
    """Reorder the XML as Windows does, and add the defaults."""
    moved = re.sub(
        r"(<StartBoundary>.*?</StartBoundary>)\s*(<Repetition>.*?)(</Repetition>)", r"\2X\3\1", text, flags=re.DOTALL
    )
    moved = moved.replace("X</Repetition>", "<StopAtDurationEnd>false</StopAtDurationEnd></Repetition>")
    return moved.replace("</StartBoundary>", "</StartBoundary><Enabled>true</Enabled>")


@pytest.mark.parametrize(
    "timing",
    [parse(daily="06:30"), parse(every="45m"), parse(cron="*/15 8-17 1 * fri"), parse(cron="0 6 * jan,jun mon")],
)
def test_the_status_is_read_from_windows(timing: Timing) -> None:
    """Timing and command are read from the XML, the next run from the listing, in the user's own language."""
    text = as_returned_by_windows(task_xml(windows_task(timing)))
    listing = f'"{TASK}","09.03.2026 06:30:00","Bereit"\r\n'
    status = BACKEND.status("baseline", reported(text, listing=listing))
    assert (status.installed, status.timing, status.next_run) == (True, timing.text, "09.03.2026 06:30:00")
    assert status.command.startswith("C:\\Users\\you\\pipx")
    assert len(status.notes) == 1


def test_a_change_by_hand_shows() -> None:
    """Another time, another description and a disabled task are noticed."""
    text = task_xml(windows_task())
    for changed in (text.replace("T06:30", "T07:30"), text.replace("timing: daily", "timing: never")):
        assert BACKEND.status("baseline", reported(changed)).timing == "changed by hand"
    disabled = BACKEND.status("baseline", reported(text.replace("<Settings>", "<Settings><Enabled>false</Enabled>")))
    assert not disabled.installed
    assert disabled.notes[0] == "the task is disabled"
    assert disabled.next_run is None


@pytest.mark.parametrize(
    ("text", "code"), [("", 1), ("", 0), ("<Task", 0), ("<Task/>", 0), ("ERROR: the system cannot find it", 1)]
)
def test_a_missing_task_is_not_installed(text: str, code: int) -> None:
    """Any output of schtasks other than a task counts as not installed."""
    assert not BACKEND.status("baseline", reported(text, code)).installed


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "cp850"])
def test_every_encoding_of_schtasks_is_read(encoding: str) -> None:
    """Schtasks declares UTF-16 but prints in the console's code page."""
    text = task_xml(windows_task(user="Zoë"))
    found = Found(replies={XML: Reply(0, text.encode(encoding))})
    assert "C:\\Users\\Zoë\\" in BACKEND.status("baseline", found).command


def test_the_next_run_is_reported_only_if_it_is_a_time() -> None:
    """For a disabled task, the listing has words instead of a time, in any language."""
    for cell in ("N/A", "Nicht zutreffend", ""):
        out = io.StringIO()
        csv.writer(out).writerow([TASK, cell, "Ready"])
        assert BACKEND.status("baseline", reported(task_xml(windows_task()), listing=out.getvalue())).next_run is None


def test_it_is_installed_run_and_removed(programs: Path) -> None:
    """The calls are right from installation to removal; the XML is gone afterwards, and other tasks stay."""
    schtasks = StandIn(programs, "schtasks", SCHTASKS)
    backend = install.backend_named("auto", platform="win32")
    entry = windows_task(parse(daily="06:30", weekdays="mon-fri"))
    for _ in range(2):
        assert steps.carry_out(backend.install(entry, install.look(backend, "baseline"))) == 0
    assert isinstance(backend, TaskScheduler)
    file = backend.folder / "sheets-decrypt-baseline.xml"
    assert schtasks.calls[2] == ["/Create", "/TN", TASK, "/XML", str(file), "/F"]
    assert not file.exists()

    status = install.status(backend, "baseline")
    assert (status.installed, status.timing, status.next_run) == (True, "daily 06:30 mon-fri", "3/9/2026 6:30:00 AM")
    assert [status.name for status in install.installed(backend)] == ["baseline"]
    assert install.run_now(backend, "baseline") == 0
    assert schtasks.calls[-1] == ["/Run", "/TN", TASK]
    assert install.remove(backend, "baseline")
    assert ["/Delete", "/TN", TASK, "/F"] in schtasks.calls
    assert not install.remove(backend, "baseline")
    with pytest.raises(ConfigurationError, match="no schedule for baseline in task-scheduler"):
        install.run_now(backend, "baseline")
