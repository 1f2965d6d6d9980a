"""Small: files up to 400 lines, functions up to 50."""

from tests.plan.sources import BASE, sources

FILE_LINES = 400
FUNCTION_LINES = 50
HAND_WRITTEN = ("templates/**/*.html", "static/css/**/*.css", "static/js/**/*.js")


def test_python_files_are_small():
    """No file of ours is longer than 400 lines; migrations are written by Django."""
    long = {source.name: source.text.count("\n") for source in sources("partners", "tlsportal", "tests")}

    assert {name: lines for name, lines in long.items() if lines > FILE_LINES} == {}


def test_templates_and_styles_are_small():
    """The same holds for what is written by hand beside Python."""
    paths = [path for pattern in HAND_WRITTEN for path in BASE.glob(pattern)]

    assert [str(path) for path in paths if path.read_text().count("\n") > FILE_LINES] == []


def test_functions_are_small():
    """No function is longer than 50 lines."""
    long = [
        f"{source.name}:{function.lineno} {function.name}"
        for source in sources("partners", "tlsportal", "tests")
        for function in source.functions()
        if function.end_lineno - function.lineno + 1 > FUNCTION_LINES
    ]

    assert long == []
