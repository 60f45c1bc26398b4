"""The state file of staged application files: what the two generations make of it, whatever is in it."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from sim.update.app_files import G21, G25, STAT_FILE, STAT_LIMIT_BYTES, Entry, forget_file, known_files, note_file


class Files:
    """As much of a file system as the state file needs."""

    def __init__(self, text=None):
        self.text = text

    def read(self, path):
        assert path == STAT_FILE
        if self.text is None:
            raise OSError(2)
        return self.text

    def write(self, path, data):
        assert path == STAT_FILE
        self.text = data


names = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
notes = st.lists(st.tuples(names, st.integers(0, 9999)), max_size=12)


@given(notes)
def test_every_name_is_there_once_whatever_its_case_with_the_size_noted_last(given_notes):
    files = Files()
    for name, size in given_notes:
        note_file(files, "", Entry(url="u", name=name, total_size=size), G25)
    known = known_files(files, "", G25)
    assert {entry["name"].lower(): entry["total_size"] for entry in known} == {n.lower(): s for n, s in given_notes}
    assert len({entry["name"].lower() for entry in known}) == len(known)


@given(notes, names)
def test_what_was_forgotten_is_not_there_and_nothing_else_is_lost(given_notes, gone):
    files = Files()
    for name, size in given_notes:
        note_file(files, "", Entry(url="u", name=name, total_size=size), G25)
    before = known_files(files, "", G25)
    forget_file(files, "", gone, G25)
    assert known_files(files, "", G25) == [entry for entry in before if entry["name"].lower() != gone.lower()]


@given(st.binary(max_size=60))
def test_rubbish_is_an_empty_list_in_both_generations_and_can_be_written_over(text):
    for how in (G21, G25):
        files = Files(text)
        known = known_files(files, "", how)
        assert known == [] or all("name" in entry for entry in known)
        note_file(files, "", Entry(url="u", name="/usr/a", total_size=1), how)
        assert known_files(files, "", how)[-1]["name"] == "/usr/a"


@given(st.integers(1, 40), st.integers(100, 2000))
@example(8, 2000)  # over the limit by a word, for one note
def test_2021_never_leaves_a_list_that_it_cannot_read_for_more_than_one_note(count, url_chars):
    files, whole, longest = Files(), Files(), 0
    for number in range(count):
        entry = Entry(url="x" * url_chars, name=f"/usr/{number}", total_size=1)
        for total in ("unknown", 1):
            note_file(files, "", {**entry, "total_size": total}, G21)
            note_file(whole, "", {**entry, "total_size": total}, G25)
            longest = max(longest, len(whole.text))  # "unknown" is longer than the number that follows
    assert known_files(files, "", G21)[-1]["name"] == f"/usr/{count - 1}"
    assert len(json.loads(whole.text)) == count
    assert (len(files.text) == len(whole.text)) is (longest <= STAT_LIMIT_BYTES)
