"""Keywords into sidecars and out of them: everything else stays."""

import difflib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.collection.keywords import PROPERTIES, Keyword
from pictell.collection.tagging import tag, untag
from pictell.collection.xml_positions import MAX_DEPTH, MAX_PARTS, XmpError
from pictell.collection.xml_text import MAX_BYTES, decode
from pictell.collection.xmp import Sidecar
from sidecar_files import DC, EXIFTOOL, FORMS, RDF, described, listed, packet

CAT = Keyword(("animal", "mammal", "cat"), (False, False, True))
DOG = Keyword(("animal", "dog", "Rottweiler & <co>"), (False, True, True))
SIDECARS = {name: text.encode() for name, text in FORMS.items()}
each_form = pytest.mark.parametrize("content", SIDECARS.values(), ids=SIDECARS)
# What the two programs themselves do not read.
NO_PREFIXES, WITHOUT_XMPMETA = SIDECARS["no prefixes"], SIDECARS["without xmpmeta"]
NOT_FOR_EXIV2 = [NO_PREFIXES, WITHOUT_XMPMETA, SIDECARS["other prefixes"]]
for_exiftool, for_exiv2 = (
    {name: content for name, content in SIDECARS.items() if content not in others}
    for others in ([NO_PREFIXES], NOT_FOR_EXIV2)
)
each_for_exiftool = pytest.mark.parametrize("content", for_exiftool.values(), ids=for_exiftool)
each_for_exiv2 = pytest.mark.parametrize("content", for_exiv2.values(), ids=for_exiv2)


def tagged(content: bytes | None, *keywords: Keyword) -> bytes:
    new = tag(content, keywords).content
    assert new is not None
    return new


def read(content: bytes) -> Sidecar:
    return Sidecar(decode(content)[0])


def users(content: bytes) -> dict[str, list[str]]:
    return dict(read(content).users)


@each_form
def test_all_bytes_stay_where_they_are(content: bytes) -> None:
    new = tagged(content, CAT)
    changes = difflib.SequenceMatcher(None, content, new, autojunk=False).get_opcodes()
    lost = b"".join(content[a:b] for kind, a, b, _, _ in changes if kind in ("delete", "replace"))
    # Only an element without an end tag gets one, and an attribute becomes an element.
    assert lost in (b"", b"/", b"//") or b"dc:subject = " in content


@each_form
def test_the_users_keywords_stay_and_those_of_the_answer_are_added(content: bytes) -> None:
    new = read(tagged(content, CAT))
    assert new.users == read(content).users
    assert new.own["subject"] == ["cat"]
    assert new.own["hierarchicalSubject"][-1] == "animal|mammal|cat"
    assert new.own["TagsList"][-1] == "animal/mammal/cat"


@each_form
def test_untag_brings_back_the_bytes(content: bytes) -> None:
    assert untag(tagged(content, CAT, DOG)).content == content
    assert untag(tagged(tagged(content, CAT), DOG)).content == content
    assert tag(tagged(content, CAT), []).content == content


@each_form
def test_the_same_keywords_again_change_nothing(content: bytes) -> None:
    once = tagged(content, CAT, DOG)
    assert tag(once, [DOG, CAT]).content == once


@each_form
def test_other_keywords_replace_those_of_before(content: bytes) -> None:
    assert tagged(tagged(content, CAT), DOG) == tagged(content, DOG)


@each_form
def test_in_another_encoding(content: bytes) -> None:
    text = content.decode()
    for encoding in ("utf-16", "utf-16-le", "utf-8-sig", "utf-32"):
        declared = text.replace("UTF-8", encoding) if encoding.startswith("utf-16") else text
        if declared.startswith("<?xml ") and encoding == "utf-32":
            continue
        other = declared.encode(encoding)
        new = tagged(other, CAT, DOG)
        assert "Rottweiler &amp; &lt;co&gt;" in new.decode(encoding)
        assert untag(new).content == other


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def by_exiftool(path: Path) -> dict[str, object]:
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    (found,) = json.loads(run("exiftool", "-j", "-a", "-G1", "-struct", "-XMP:all", path))
    return {key: value for key, value in found.items() if "pictell" not in key}


def by_exiv2(path: Path) -> dict[str, list[str]]:
    if shutil.which("exiv2") is None:
        pytest.skip("exiv2 is not installed")
    found: dict[str, list[str]] = {}
    for line in run("exiv2", "-Pkv", "-px", path).splitlines():
        # An item with a language has a key of its own: Xmp.dc.subject[1]/?xml:lang.
        key, _, value = line.partition(" ")
        key = key.partition("[")[0]
        # It also turns some of it into Exif and IPTC.
        if key.startswith("Xmp.") and ".pictell." not in key:
            found.setdefault(key, []).append(value.strip())
    return found


KEYWORDS = {"XMP-dc:Subject", "XMP-lr:HierarchicalSubject", "XMP-digiKam:TagsList"}


@each_for_exiftool
def test_exiftool_reads_the_keywords_and_all_else_as_before(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.xmp"
    path.write_bytes(content)
    before = by_exiftool(path)
    path.write_bytes(tagged(content, DOG))
    after = by_exiftool(path)
    assert "Rottweiler & <co>" in after["XMP-dc:Subject"]
    assert "animal|dog|Rottweiler & <co>" in after["XMP-lr:HierarchicalSubject"]
    assert "animal/dog/Rottweiler & <co>" in after["XMP-digiKam:TagsList"]
    for found in (before, after):
        for key in KEYWORDS:
            found.pop(key, None)
    assert after == before


@each_for_exiv2
def test_exiv2_reads_the_keywords_and_all_else_as_before(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.xmp"
    path.write_bytes(content)
    before = by_exiv2(path)
    path.write_bytes(tagged(content, CAT))
    after = by_exiv2(path)
    for key, value in {
        "Xmp.dc.subject": "cat",
        "Xmp.lr.hierarchicalSubject": "animal|mammal|cat",
        "Xmp.digiKam.TagsList": "animal/mammal/cat",
    }.items():
        assert after.pop(key)[-1].endswith(value)
        before.pop(key, None)
    assert after == before


def rewrite_by_exiftool(path: Path) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    run("exiftool", "-q", "-overwrite_original", "-XMP-dc:Subject+=Rome", "-Rating=3", path)


def rewrite_by_exiv2(path: Path) -> None:
    if shutil.which("exiv2") is None:
        pytest.skip("exiv2 is not installed")
    run("exiv2", "-M", "set Xmp.dc.subject Rome", "-M", "set Xmp.xmp.Rating 3", path)


@each_for_exiftool
def test_after_exiftool_wrote_the_file(content: bytes, tmp_path: Path) -> None:
    check_after(rewrite_by_exiftool, content, tmp_path / "a.xmp")


@each_for_exiv2
def test_after_exiv2_wrote_the_file(content: bytes, tmp_path: Path) -> None:
    check_after(rewrite_by_exiv2, content, tmp_path / "a.xmp")


def check_after(rewrite: Callable[[Path], None], content: bytes, path: Path) -> None:
    path.write_bytes(tagged(content, CAT))
    rewrite(path)
    changed = path.read_bytes()
    path.write_bytes(content)
    rewrite(path)
    wanted = users(path.read_bytes())
    left = untag(changed).content
    assert left is not None
    assert {name: sorted(one) for name, one in users(left).items()} == {
        name: sorted(one) for name, one in wanted.items()
    }
    assert not read(left).is_tagged
    again = tagged(changed, CAT)
    assert tag(again, [CAT]).content == again
    assert untag(again).content == left
    assert read(tagged(changed, DOG)).own["subject"] == ["dog", "Rottweiler & <co>"]


def test_a_new_sidecar_goes_when_nothing_else_is_in_it(tmp_path: Path) -> None:
    new = tagged(None, CAT)
    assert untag(new).content is None
    assert tag(new, []).content is None
    assert tag(None, []).content is None
    changed = new.replace(b'x:xmptk="pictell"', b"")
    assert untag(changed).content is None


@pytest.mark.parametrize("rewrite", [rewrite_by_exiftool, rewrite_by_exiv2])
def test_a_new_sidecar_stays_when_the_user_adds_to_it(
    rewrite: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.xmp"
    path.write_bytes(tagged(None, CAT))
    rewrite(path)
    left = untag(path.read_bytes()).content
    assert left is not None
    assert users(left)["subject"] == ["Rome"]
    assert b"Rating" in left
    assert b"cat" not in left


def test_a_comment_of_the_user_keeps_a_sidecar() -> None:
    left = untag(tagged(None, CAT).replace(b"</rdf:RDF>", b"<!-- mine --></rdf:RDF>")).content
    assert left is not None
    assert b"<!-- mine -->" in left


def test_a_keyword_that_the_user_had_is_never_removed() -> None:
    content = packet(described(listed("dc:subject", "Bag", "Cat", "x"), DC)).encode()
    new = tagged(content, CAT)
    assert read(new).own["subject"] == []
    assert read(new).users["subject"] == ["Cat", "x"]
    assert untag(new.replace(b"x:xmptk", b"x:other")).content == content.replace(
        b"x:xmptk", b"x:other"
    )


def test_of_two_equal_keywords_one_is_the_users() -> None:
    new = tagged(SIDECARS["exiftool"], CAT)
    twice = new.replace(b"<rdf:li>cat</rdf:li>", b"<rdf:li>cat</rdf:li><rdf:li>cat</rdf:li>", 1)
    left = untag(twice).content
    assert left is not None
    assert users(left)["subject"] == ["Paris", "B&W", "cat"]


def without_keyword(content: bytes, *values: str) -> bytes:
    """The user deletes keywords, everywhere but in the record."""
    start = content.index(b"<pictell:Added")
    for value in values:
        item = f"<rdf:li>{value}</rdf:li>".encode()
        content = content[:start].replace(item, b"") + content[start:]
        start = content.index(b"<pictell:Added")
    return content


def test_a_keyword_that_the_user_deleted_is_not_added_again() -> None:
    new = tagged(SIDECARS["exiftool"], CAT)
    deleted = without_keyword(new, "cat", "animal|mammal|cat", "animal/mammal/cat")
    assert deleted != new
    for _ in range(2):
        deleted = tagged(deleted, CAT)
        assert b"<rdf:li>cat</rdf:li>" not in deleted[: deleted.index(b"<pictell:Added")]
    other = tagged(deleted, DOG)
    assert read(other).own["subject"] == ["dog", "Rottweiler & <co>"]
    assert read(tagged(other, CAT)).own["subject"] == []
    left = untag(other).content
    assert left is not None
    assert read(tagged(left, CAT)).own["subject"] == ["cat"]


def test_a_deleted_keyword_leaves_the_broader_one() -> None:
    breed = Keyword(("animal", "cat", "Egyptian cat"), (False, True, True))
    new = without_keyword(tagged(SIDECARS["exiftool"], breed), "Egyptian cat")
    again = read(tagged(new, breed))
    assert again.own["subject"] == ["cat"]
    assert again.own["TagsList"][-1] == "animal/cat"


def test_keywords_of_the_user_are_not_hidden_by_a_new_property() -> None:
    """digiKam and Immich read TagsList only, if there is one."""
    new = read(tagged(SIDECARS["Lightroom"], CAT))
    assert new.own["TagsList"] == ["Places/Paris", "animal/mammal/cat"]
    assert new.own["hierarchicalSubject"] == ["animal|mammal|cat"]
    new = read(tagged(SIDECARS["exiftool"], CAT))
    assert new.own["TagsList"] == ["Paris", "B&W", "animal/mammal/cat"]


def test_a_copy_stays_once_the_users_program_writes_that_property() -> None:
    new = tagged(SIDECARS["exiftool"], CAT)
    added = new.replace(b"<rdf:Seq>", b"<rdf:Seq><rdf:li>Rome</rdf:li>")
    for left in (untag(added).content, tag(added, [DOG]).content):
        assert left is not None
        assert users(left)["TagsList"] == ["Rome", "Paris", "B&W"]


@pytest.mark.parametrize("place", ["</rdf:li>", "<rdf:Bag>", " <rdf:Description", "'4'", "<xmp:"])
def test_what_the_user_changes_later_stays(place: str) -> None:
    new = tagged(SIDECARS["exiftool"], CAT).decode()
    for match in re.finditer(re.escape(place), new):
        changed = (new[: match.start()] + "\n" + new[match.start() :]).encode()
        try:
            before = users(changed)
        except XmpError:
            continue
        left = untag(changed).content
        assert left is not None
        assert users(left) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"JFIF",
        b"\0" * 100,
        b"<html/>",
        b"<a><rdf:RDF/></a>",
        EXIFTOOL.encode()[:-200],
        EXIFTOOL.encode() + b"\0\0\0",
        EXIFTOOL.replace("?>\n<x", "?>\n<!DOCTYPE x>\n<x", 1).encode(),
        EXIFTOOL.replace("Paris", "&a;").encode(),
        EXIFTOOL.replace("Paris", "Caf\xe9").encode("latin-1", "ignore"),
        f"<!DOCTYPE a [<!ENTITY a 'b'>]><rdf:RDF xmlns:rdf='{RDF}'/>".encode(),
        b'<?xml version="1.0" encoding="EBCDIC-CP-US"?><a/>',
        b'<?xml version="1.0" encoding="base64"?><a/>',
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        f"<a xmlns:rdf='{RDF}'><rdf:RDF/><rdf:RDF/></a>".encode(),
        f"<rdf:RDF xmlns:rdf='{RDF}'>{'<a>' * 200_000}".encode(),
        f"<rdf:RDF xmlns:rdf='{RDF}'>{'<a/>' * (MAX_PARTS + 1)}</rdf:RDF>".encode(),
        f"<rdf:RDF xmlns:rdf='{RDF}'>{'<a>' * MAX_DEPTH}{'</a>' * MAX_DEPTH}</rdf:RDF>".encode(),
        "".join(
            [f"<rdf:RDF xmlns:rdf='{RDF}'", *(f" a{n}=''" for n in range(MAX_PARTS)), "/>"]
        ).encode(),
        "".join(
            [f"<rdf:RDF xmlns:rdf='{RDF}'", *(f" xmlns:a{n}='a'" for n in range(MAX_PARTS)), "/>"]
        ).encode(),
        EXIFTOOL.encode() + b" " * MAX_BYTES,
    ],
    ids=range(21),
)
def test_what_is_no_sidecar_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(XmpError) as caught:
        tag(content, [CAT])
    assert "\n" not in str(caught.value)
    # Nothing of pictell is in it, so there is nothing to do.
    assert untag(content).content == content
    assert tag(content, []).content == content


@pytest.mark.parametrize(
    "subject",
    [
        "<dc:subject rdf:parseType='Resource'><dc:x>1</dc:x></dc:subject>",
        "<dc:subject rdf:parseType='Literal'><b>x</b></dc:subject>",
        "<dc:subject rdf:resource='http://example.org/'/>",
        "<dc:subject><rdf:Description><rdf:value>x</rdf:value></rdf:Description></dc:subject>",
        "<dc:subject><rdf:Bag/><rdf:Bag/></dc:subject>",
    ],
)
def test_keywords_in_no_list_are_refused(subject: str) -> None:
    content = packet(described(subject, DC)).encode()
    with pytest.raises(XmpError):
        tag(content, [CAT])
    assert untag(content).content == content


def test_an_item_with_qualifiers_stays() -> None:
    item = "<rdf:li rdf:parseType='Resource'><rdf:value>cat</rdf:value><dc:x>1</dc:x></rdf:li>"
    content = packet(described(f"<dc:subject><rdf:Bag>{item}</rdf:Bag></dc:subject>", DC)).encode()
    new = tagged(content, CAT)
    assert item.encode() in new
    assert untag(new.replace(b"x:xmptk", b"x:other")).content == content.replace(
        b"x:xmptk", b"x:other"
    )


def test_latin_1_gets_references() -> None:
    text = FORMS["darktable"].replace("UTF-8", "ISO-8859-1").replace("exported", "déjà")
    content = text.encode("latin-1")
    new = tagged(content, Keyword(("猫",), (True,)))
    assert b"&#29483;" in new
    assert read(new).own["subject"] == ["猫"]
    assert untag(new).content == content


@pytest.mark.parametrize("name", ["a|b", "a/b", "a\nb", " a b ", "a\x07b", "a\ud800b", "<&\"'>]]>"])
def test_hostile_names(name: str) -> None:
    from pictell.collection.keywords import clean

    keyword = Keyword(("top", clean(name)), (True, True))
    new = tagged(SIDECARS["exiftool"], keyword)
    values = read(new)
    assert values.own["subject"] == ["top", clean(name)]
    assert values.own["hierarchicalSubject"][-1].count("|") == 1
    assert values.own["TagsList"][-1].count("/") == 1
    assert untag(new).content == SIDECARS["exiftool"]


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda text: text.strip() and "\ufffe" not in text and "\uffff" not in text
)
names = st.lists(texts.map(str.strip).filter(bool), min_size=1, max_size=4)
keywords = st.lists(
    names.map(
        lambda path: Keyword(
            tuple(path), tuple(n % 2 == 1 or n == len(path) - 1 for n in range(len(path)))
        )
    ),
    max_size=3,
)


def sorted_keywords(content: bytes | None) -> dict[str, list[str]]:
    """The keywords of pictell; those that were there before keep their places."""
    return {} if content is None else {name: sorted(own) for name, own in read(content).own.items()}


@given(st.sampled_from([*SIDECARS.values(), None]), keywords, keywords)
def test_any_keywords(content: bytes | None, first: list[Keyword], second: list[Keyword]) -> None:
    new = tag(tag(content, first).content, second).content
    assert sorted_keywords(new) == sorted_keywords(tag(content, second).content)
    if new is not None:
        assert untag(new).content == content
        assert tag(new, second).content == new
        assert users(new) == (
            {name: [] for name in PROPERTIES} if content is None else users(content)
        )


@given(st.sampled_from(list(SIDECARS.values())), st.data())
def test_a_damaged_sidecar_is_refused_or_keeps_its_keywords(
    content: bytes, data: st.DataObject
) -> None:
    content = tagged(content, DOG) if data.draw(st.booleans()) else content
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(start + 40, len(content))))
    piece = data.draw(
        st.sampled_from(
            [b"", b"<rdf:li>x</rdf:li>", b"<dc:subject/>", b"'", b"]]>", b"\xff", b"\0"]
        )
    )
    content = content[:start] + piece + content[stop:]
    try:
        new = tag(content, [CAT]).content
    except XmpError:
        return
    assert new is not None
    assert users(new) == users(content)
    assert tag(new, [CAT]).content == new
