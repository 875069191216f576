"""How a refused pull looks from outside."""

from tests.survey import HEADER, Done, World, csv_of

FORMER = csv_of([HEADER, ["1", "the former csv", "", "", ""]])


def refused(world: World, code: int, *words: str, options: tuple[object, ...] = ()) -> Done:
    """Hold that a pull ends with `code`, one clear line and one hint, and that the former CSV is as it was."""
    done = world.pull(*options)
    assert (done.code, done.out) == (code, "")
    error, hint = [line for line in done.err.splitlines() if not line.startswith(("warning: ", "note: "))]
    assert error.startswith("error: baseline: ")
    assert hint.startswith("hint: ")
    for word in words:
        assert word.lower() in done.err.lower()
    assert world.csv() == FORMER
    return done
