"""Patterns of file names and cells: what they match, beside fnmatch and a slow matcher, and how long it takes."""

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from submission.patterns import Pattern, PatternError


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("run.csv", ["run.csv"], ["run_csv", "run.csv ", "Run.csv", "run.csv\n", "xrun.csv"]),
        ("*.csv", [".csv", "a.b.csv"], ["a.csv.txt", "a.CSV"]),
        ("me_?.txt", ["me_1.txt"], ["me_.txt", "me_12.txt"]),
        ("[0-9]{19}", ["1090969737671131140"], ["109096973767113114", "10909697376711311400", "٣" * 19]),
        ("[A-Za-z0-9_-]{11}", ["_HaSVQSRwVI", "n-G3k9QSSgY"], ["n-G3k9QSSg", "n.G3k9QSSgY"]),
        ("C[0-9]{1,9}", ["C1", "C000039985"], ["C", "C1234567890", "c1"]),
        ("{a,b}[0-9]{2}{,.gz}", ["a01", "b99.gz"], ["a1", "a01.g", "ab01"]),
        ("*{abc,b}*c", ["abc", "xxbc", "abcc"], ["ab", "ac"]),
        ("[a-z]{1,9}*a*", ["xa", "aa"], ["a", "x"]),
        ("[*]{2}[{]]", ["**{]"], ["ab{]"]),
    ],
)
def test_a_pattern_matches_whole_texts(pattern, fits, others):
    read = Pattern.parse(pattern)
    assert [text for text in fits if read.matches(text) is None] == []
    assert [text for text in others if read.matches(text) is not None] == []


def test_placeholders_are_found_and_filled_in():
    pattern = Pattern.parse("ME20FMT_{team}_{kind}.txt")
    assert pattern.matches("ME20FMT_AI_Lab_001.txt") == {"team": "AI_Lab", "kind": "001"}
    assert pattern.matches("ME20FMT_../x_001.txt") is None
    assert pattern.fill(team="AI_Lab", kind="001") == "ME20FMT_AI_Lab_001.txt"
    assert pattern.slots == ("team", "kind")


def test_what_cannot_be_filled_in_is_named():
    with pytest.raises(PatternError) as error:
        Pattern.parse("{team}_{kind}.zip").fill(team="../up", kind="open")
    assert str(error.value) == "team: got '../up'; expected 1 to 64 letters, digits, '.', '+', '-' or '_'."
    with pytest.raises(PatternError, match=r"character 8 fits several names"):
        Pattern.parse("{team}_*.zip").fill(team="a")


@pytest.mark.parametrize(
    ("pattern", "position", "message"),
    [
        ("", 1, "got an empty pattern; expected one that matches something, such as '*'."),
        ("id[z-a]", 4, "got 'z-a', which matches nothing; expected 'a-z'."),
        ("[0-9]{3,1}", 6, "got the count {3,1}, which matches nothing; expected {1,3}."),
        ("[0-9]{0}", 6, "got the count {0}; expected 1 to 1000."),
        ("[0-9]{a,b}", 6, "give the list a count first: [0-9]{1}{a,b}."),
        ("a[0-9", 2, "got '[' without ']'"),
        ("[]", 1, "got a list of no characters"),
        ("[^a]", 1, "There is no list of what may not occur"),
        ("a}", 2, "got '}' that closes nothing"),
        ("{a,b", 1, "got '{' without '}'"),
        ("{a,{b,c}}", 4, "got braces within braces"),
        ("{*.csv,*.txt}", 2, "got '*' within braces"),
        ("{teem}.csv", 1, "{kind}, {run}, or several texts such as {csv,txt}. Did you mean 'team'?"),
        ("{a,b,a}", 1, "got one text twice in '{a,b,a}'; expected each once."),
        ("{team}{run}", 7, "got two placeholders in a row"),
        ("{run}_{run}", 7, "got {run} again; expected each placeholder once."),
        ("{team}*{run}", 8, "got {run} in a pattern with '*'"),
        ("{a,aa}" * 9, 37, "can be read in more than 64 ways"),
        ("x" * 501, 500, "got a pattern of 501 characters; expected at most 500."),
    ],
)  # fmt: skip
def test_a_malformed_pattern_is_refused_with_its_position(pattern, position, message):
    with pytest.raises(PatternError) as error:
        Pattern.parse(pattern)
    assert message in str(error.value)
    assert error.value.position == position


@given(st.text("ab[]-*?.", max_size=8), st.text("ab-.]", max_size=8))
def test_where_the_languages_agree_it_matches_as_fnmatch_does(pattern, text):
    try:
        read = Pattern.parse(pattern)
    except PatternError:  # fnmatch takes a list that is not closed, or of nothing, as text
        assert not pattern or "[" in pattern
        return
    assume("[]" not in pattern)
    assert (read.matches(text) is not None) == fnmatchcase(text, pattern)


LISTS = st.sampled_from(["a", "b", "c", "?", "[ab]", "[a-c]{2}", "[bc]{0,2}", "[ab]{1,3}", "[c]{1,2}"])
OPTIONS = st.lists(st.lists(LISTS, max_size=2).map("".join), min_size=2, max_size=3, unique=True)
PARTS = st.one_of(LISTS, st.just("*"), OPTIONS.map(lambda options: f"{{{','.join(options)}}}"))


@settings(max_examples=150)
@given(st.lists(PARTS, min_size=1, max_size=7).map("".join), st.text("abc", max_size=9))
@example("*[a-c]{2}{a,[ab]{1,3}}*b", "abab")
def test_it_matches_as_a_slow_matcher_that_tries_everything(pattern, text):
    try:
        read = Pattern.parse(pattern)
    except PatternError as error:
        assert any(part in str(error) for part in ("ways", "twice", "behind a list"))
        return
    assert (read.matches(text) is not None) == (len(text) in ends(pattern, text, {0}))


def ends(pattern: str, text: str, starts: set[int]) -> set[int]:
    """The positions in `text` where the pattern may end that begins at one of `starts`."""
    while pattern:
        if pattern[0] == "{":
            options, _, pattern = pattern[1:].partition("}") if "[" not in pattern else split_braces(pattern)
            starts = set().union(*(ends(option, text, starts) for option in split_options(options)))
            continue
        low = high = 1
        one, pattern = pattern[0], pattern[1:]
        if one == "*":
            starts = {end for start in starts for end in range(start, len(text) + 1)}
            continue
        if one == "[":
            one, _, pattern = pattern.partition("]")
            one = "abc" if one == "a-c" else one
            if pattern.startswith("{"):
                count, _, pattern = pattern[1:].partition("}")
                low, high = (int(number) for number in (count.split(",") * 2)[:2])
        reached = set(starts) if low == 0 else set()
        for times in range(1, high + 1):
            starts = {at + 1 for at in starts if at < len(text) and (one == "?" or text[at] in one)}
            reached |= starts if times >= low else set()
        starts = reached
    return starts


def split_braces(pattern: str) -> tuple[str, str, str]:
    depth = 0
    for at, letter in enumerate(pattern):
        depth += (letter == "{") - (letter == "}")
        if not depth:
            return pattern[1:at], "}", pattern[at + 1 :]
    raise AssertionError(pattern)


def split_options(options: str) -> list[str]:
    """Split at commas that are outside of a count."""
    found, depth = [""], 0
    for letter in options:
        depth += (letter == "{") - (letter == "}")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return found


@given(st.lists(PARTS, min_size=1, max_size=5).map("".join), st.integers(0, 99))
def test_examples_fit(pattern, number):
    try:
        read = Pattern.parse(pattern)
    except PatternError:
        return
    assert read.matches(read.example(number)) is not None


def test_examples_differ_from_one_another():
    assert [Pattern.parse("q[0-9]{2}").example(number) for number in (0, 1, 10)] == ["q00", "q01", "q10"]
    assert [Pattern.parse("*.jpg").example(number) for number in (0, 1)] == ["0.jpg", "1.jpg"]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 20 + "b", "a" * 100_000),
        ("*{ab,aab}" * 10 + "*c", "a" * 100_000),
        ("{a,aa}" * 6 + "*b*{a,aa}x", "a" * 100_000),
        ("*[ab]{1,9}c" * 5 + "*d", "ab" * 50_000),
        ("*?????x" * 10, "a" * 100_000),
    ],
)
def test_time_is_linear_in_the_text(pattern, text):
    read = Pattern.parse(pattern)
    start = time.process_time()
    assert read.matches(text) is None
    assert time.process_time() - start < 1
