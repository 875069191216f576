"""When a job runs: the meaning of the options, confirmed by systemd's own calculator."""

import subprocess
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.expression import Calendar
from sheets_decrypt.schedule.systemd import on_calendar
from sheets_decrypt.schedule.timing import Every, calendars, following, from_text, parse, preceding
from tests import require


def local(text: str) -> datetime:
    """Parse a local time without a zone, as schedulers use it."""
    return datetime.fromisoformat(text)


def expressions(**options: str) -> list[str]:
    """Return the cron expressions for the options."""
    return [calendar.expression for calendar in calendars(parse(**options))]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"every": "1m"}, ["* * * * *"]),
        ({"every": "15m"}, ["*/15 * * * *"]),
        ({"every": "30 min"}, ["*/30 * * * *"]),
        ({"every": "1h"}, ["0 * * * *"]),
        ({"every": "2H"}, ["0 */2 * * *"]),
        ({"every": "24h"}, ["0 0 * * *"]),
        (
            {"every": "45m"},
            [
                "0,45 */3 * * *",
                "30 1,4,7,10,13,16,19,22 * * *",
                "15 2,5,8,11,14,17,20,23 * * *",
            ],
        ),
        ({"daily": "06:30"}, ["30 6 * * *"]),
        ({"daily": "6:30", "weekdays": "mon-fri"}, ["30 6 * * 1-5"]),
        ({"daily": "23:59", "weekdays": "Sunday"}, ["59 23 * * 0"]),
        ({"daily": "00:00", "weekdays": "fri-mon"}, ["0 0 * * 0-1,5-6"]),
        ({"daily": "06:30", "weekdays": "mon, Thu"}, ["30 6 * * 1,4"]),
        ({"daily": "06:30", "weekdays": "mon-sun"}, ["30 6 * * *"]),
        ({"cron": "30 6 * * mon-fri"}, ["30 6 * * 1-5"]),
        ({"cron": "*/15  8-17 1,15 JAN-mar 7"}, ["*/15 8-17 1,15 1-3 7"]),
        ({"cron": "0 6 * * fri-sun"}, ["0 6 * * 5-7"]),
        ({"cron": "0 6 * * sun-tue"}, ["0 6 * * 0-2"]),
        ({"cron": "0 6 * * sun-sun"}, ["0 6 * * 0-0"]),
        ({"cron": "0 8-18/2 * * *"}, ["0 8-18/2 * * *"]),
    ],
)
def test_the_options_mean_these_cron_expressions(options: dict[str, str], expected: list[str]) -> None:
    """Every form of the options becomes cron expressions with the same meaning."""
    assert expressions(**options) == expected


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({}, "give one of --every, --daily and --cron", "--daily 06:30"),
        ({"every": "1h", "daily": "06:30"}, "give one of", "--daily"),
        ({"every": "1h", "weekdays": "mon"}, "--weekdays requires --daily", "--daily"),
        ({"every": "soon"}, "--every soon is not a valid interval", "15m or 2h"),
        ({"every": "0m"}, "not between 1m and 24h", "--daily"),
        ({"every": "25h"}, "not between 1m and 24h", "--daily"),
        ({"every": "1d"}, "--every 1d is not a valid interval", "15m"),
        ({"daily": "24:00"}, "--daily 24:00 is not a valid time", "06:30"),
        ({"daily": "12:60"}, "is not a valid time", "06:30"),
        ({"daily": "6.30pm"}, "is not a valid time", "06:30"),
        ({"daily": "06:30", "weekdays": "1-5"}, "--weekdays 1-5 is not valid", "mon-fri"),
        ({"daily": "06:30", "weekdays": ""}, "is not valid", "mon-fri"),
        ({"cron": "@daily"}, "does not have five fields", "30 6 * * mon-fri"),
        ({"cron": "0 6 * *"}, "does not have five fields", "minute, hour"),
        ({"cron": "60 6 * * *"}, "the minute 60 is not valid", "from 0-59"),
        ({"cron": "0 24 * * *"}, "the hour 24", "from 0-23"),
        ({"cron": "0 0 0 * *"}, "the day of month 0", "from 1-31"),
        ({"cron": "0 0 * 13 *"}, "the month 13", "from 1-12"),
        ({"cron": "0 0 * * 8"}, "the weekday 8", "from 0-7"),
        ({"cron": "0 0 * * noday"}, "the weekday noday", "from 0-7"),
        ({"cron": "0 0 * mon *"}, "the month mon", "from 1-12"),
        ({"cron": "0 22-4 * * *"}, "the hour 22-4", "a rising range"),
        ({"cron": "*/0 * * * *"}, "the minute */0", "is a step"),
        ({"cron": "5/15 * * * *"}, "the minute 5/15", "after * or a range"),
        ({"cron": "0 0 L * *"}, "the day of month l", "from 1-31"),
        ({"cron": "0 0 ? * *"}, "the day of month ?", "from 1-31"),
        ({"cron": "0 0 1,, * *"}, "the day of month 1,,", "or a list"),
        ({"cron": "٥ 0 * * *"}, "is not valid", "from 0-59"),
        ({"cron": "0 0 LW * *"}, "the day of month lw", "from 1-31"),
        ({"cron": "0 0 * * fri#2"}, "the weekday fri#2", "from 0-7"),
        ({"cron": "0 0 * * 5L"}, "the weekday 5l", "from 0-7"),
        ({"cron": "0 0 0 * * *"}, "does not have five fields", "30 6"),
        ({"cron": "0 0 30 feb *"}, "names a day that never comes", "check the day"),
    ],
)
def test_invalid_options_are_refused_with_a_hint(options: dict[str, str], message: str, hint: str) -> None:
    """A mistake in the options is named, with a correct example."""
    with pytest.raises(ConfigurationError) as caught:
        parse(**options)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_an_interval_that_does_not_divide_a_day_is_refused_with_the_nearest_ones() -> None:
    """Cron's */50 would run at :00 and :50; such an interval is refused, and the hint names the nearest valid ones."""
    with pytest.raises(ConfigurationError, match="every 50m") as caught:
        calendars(Every(50))
    assert caught.value.hint == "use --every 48m or --every 1h"


@given(st.sampled_from([minutes for minutes in range(1, 1441) if 1440 % minutes == 0]))
def test_an_interval_that_divides_a_day_is_kept_exactly(minutes: int) -> None:
    """The calendars of an interval together have its times of day, each once."""
    times = sorted(time for calendar in calendars(Every(minutes)) for time in calendar.times())
    assert times == list(range(0, 1440, minutes))


@pytest.mark.parametrize(
    "timing",
    [
        parse(every="45m"),
        parse(every="2h"),
        parse(daily="06:30"),
        parse(daily="7:05", weekdays="sat-tue"),
        parse(cron="*/15 8-17 1,15 jan-mar fri-sun"),
    ],
)
def test_a_timing_is_read_back_from_its_text(timing: Every | Calendar) -> None:
    """The text that `status` shows can be parsed without loss."""
    assert from_text(timing.text) == timing


def test_text_that_is_not_a_timing_is_refused() -> None:
    """Any other text is an error, not some other timing."""
    with pytest.raises(ConfigurationError, match="not a timing: whenever it rains"):
        from_text("whenever it rains")


def test_either_day_matches_unless_one_begins_with_a_star() -> None:
    """Cron's rule: the 13th or a Friday, but with `*/2` an odd day that is also a Sunday."""
    either, both = parse(cron="0 6 13 * fri"), parse(cron="0 6 */2 * sun")
    assert isinstance(either, Calendar)
    assert isinstance(both, Calendar)
    days = [local(f"2026-03-{day:02}").date() for day in range(1, 32)]
    assert [day.day for day in days if either.matches(day)] == [6, 13, 20, 27]
    assert [day.day for day in days if both.matches(day)] == [1, 15, 29]


def test_the_next_and_the_last_run_are_known() -> None:
    """They are the times after and before a moment; a run at that very moment counts as the last."""
    mornings = parse(daily="06:30", weekdays="mon-fri")
    friday = local("2026-03-06T06:30")
    assert following(mornings, friday) == local("2026-03-09T06:30")
    assert preceding(mornings, friday) == friday
    assert preceding(mornings, local("2026-03-09T06:29")) == friday
    assert following(parse(every="45m"), local("2026-03-06T23:30")) == local("2026-03-07T00:00")
    assert following(parse(cron="0 0 29 feb *"), local("2026-03-01")) == local("2028-02-29")


def test_an_interval_that_counts_from_its_start_has_no_known_next_run() -> None:
    """If the scheduler counts from its own start, no next run is reported."""
    assert following(Every(50), local("2026-03-06")) is None
    assert preceding(Every(50), local("2026-03-06")) is None


UTC: dict[str, Any] = {"capture_output": True, "text": True, "env": {"TZ": "UTC", "LC_ALL": "C"}}
fields = st.tuples(
    st.sampled_from(["*", "0", "*/15", "5,50", "10-20/5", "59"]),
    st.sampled_from(["*", "6", "*/6", "8-17", "0,23", "8-18/2"]),
    st.sampled_from(["*", "1", "*/2", "13,31", "1-7", "1-31"]),
    st.sampled_from(["*", "2", "jan-mar", "*/3", "12"]),
    st.sampled_from(["*", "0", "7", "mon-fri", "fri-sun", "*/2", "1,3", "0-7"]),
).map(" ".join)


@given(fields, st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))  # noqa: DTZ001  (schedulers mean local time)
def test_systemd_agrees_on_the_next_run(expression: str, moment: datetime) -> None:
    """For any cron expression, systemd's own calculator finds the same next run."""
    analyze = require.program("systemd-analyze")
    timing = parse(cron=expression)
    moment = moment.replace(microsecond=0)
    base = ["--iterations=1", f"--base-time={moment:%Y-%m-%d %H:%M:%S} UTC"]
    said = [
        subprocess.run([analyze, "calendar", *base, value], check=True, **UTC).stdout
        for calendar in calendars(timing)
        for value in on_calendar(calendar)
    ]
    elapses = [line.split(": ", 1)[1] for text in said for line in text.splitlines() if "Next elapse" in line]
    nexts = [datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S UTC") for text in elapses]  # noqa: DTZ007  (see above)
    assert following(timing, moment) == min(nexts)
