from pathlib import Path

import pytest

from tests.brand.pictures import BEGINS, SVG, chunk, png
from twofold.brand.logo import LARGEST, read_logo
from twofold.setting_values import SettingsError

GRADIENT = """<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">
<title>Acme &amp; Sons</title>
<defs><linearGradient id="a"><stop stop-color="#fff"/></linearGradient><path id="b" d="M0 0h9v9z"/></defs>
<use xlink:href="#b" fill="url(#a)"/><use href="#b" fill="url('#a')"/></svg>"""


def drawn(body: str, attributes: str = "") -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink" {attributes}>{body}</svg>'


HARMFUL = {
    "<script>": drawn("<script>alert(1)</script>"),
    "<foreignObject>": drawn('<foreignObject><p xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>'),
    "<p>": drawn('<p xmlns="http://www.w3.org/1999/xhtml"/>'),
    "<style>": drawn("<style>@import url(https://evil.example/x.css)</style>"),
    "<image>": drawn('<image href="https://evil.example/x.png"/>'),
    "<a>": drawn('<a href="#x"/>'),
    "<set>": drawn('<set attributeName="href" to="javascript:alert(1)"/>'),
    "<animate>": drawn('<animate attributeName="href"/>'),
    "event handler onload": drawn("", 'onload="alert(1)"'),
    "event handler onclick": drawn('<path ONCLICK="alert(1)"/>'),
    "inline style": drawn('<path style="fill:red"/>'),
    "place in href": drawn('<use href="https://evil.example/x.svg#a"/>'),
    "place in href ": drawn('<use l:href="data:image/svg+xml,x#a"/>'),
    "place in fill": drawn('<path fill="url(https://evil.example/x.svg#a)"/>'),
    "place in fill ": drawn('<path fill="URL( //evil.example/x )"/>'),
    "place in filter": drawn(r'<path filter="u\72l(x.svg#a)"/>'),
    "place in base": drawn("", 'xml:base="https:x"'),
    "document type": '<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG,
    "instruction": '<?xml-stylesheet href="x.css"?>' + SVG,
    "<html>": "<html><script>alert(1)</script></html>",
    "<svg>": "<svg></svg>",
    "<path>": '<path xmlns="http://www.w3.org/2000/svg"/>',
    "read as XML": drawn("<path>"),
}


def read(folder: Path, content: bytes | str) -> str:
    file = folder / "logo"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    logo = read_logo("TWOFOLD_LOGO", str(file))
    assert logo is not None
    assert logo.content == file.read_bytes()
    assert str(logo) == str(file)
    return logo.suffix


def refused(folder: Path, content: bytes | str) -> str:
    with pytest.raises(SettingsError, match=r"^TWOFOLD_LOGO ") as why:
        read(folder, content)
    return str(why.value)


def test_a_logo_is_an_svg_or_a_png_by_its_content(tmp_path: Path) -> None:
    assert read(tmp_path, SVG) == read(tmp_path, GRADIENT) == read(tmp_path, "\ufeff" + SVG) == "svg"
    assert read(tmp_path, png()) == "png"
    assert "neither" in refused(tmp_path, b"GIF89a")
    assert "neither" in refused(tmp_path, b"")


@pytest.mark.parametrize("what", HARMFUL)
def test_an_svg_that_could_act_or_load_is_refused_with_what_and_where(tmp_path: Path, what: str) -> None:
    """Stops: a logo from somewhere that runs a script in our origin, or tells another server who signs in."""
    said = refused(tmp_path, HARMFUL[what])
    assert what.strip() in said
    assert "line 1" in said


def test_an_svg_is_utf_8_whatever_it_says_of_itself(tmp_path: Path) -> None:
    """Stops: a file that we read as one thing and a browser as another."""
    assert "neither" in refused(tmp_path, SVG.encode("utf-16"))
    assert "UTF-8" in refused(tmp_path, SVG.encode("utf-16")[2:])
    latin = b'<?xml version="1.0" encoding="latin-1"?>' + SVG.replace("M0", "\xe9").encode("latin-1")
    assert "UTF-8" in refused(tmp_path, latin)


def test_a_logo_has_its_bounds(tmp_path: Path) -> None:
    padded = drawn("<!--" + "x" * LARGEST + "-->")
    assert "more than that" in refused(tmp_path, padded)
    assert read(tmp_path, padded.replace("x" * LARGEST, "x" * (LARGEST - len(drawn("<!---->"))))) == "svg"
    assert read(tmp_path, png(2048, 1)) == "png"
    assert "2048 pixels" in refused(tmp_path, png(2049, 1))


@pytest.mark.parametrize(
    "broken",
    [
        png() + b"<script>",
        png()[:-1],
        png()[:-12],
        png().replace(b"IDAT", b"IDAX"),
        BEGINS,
        BEGINS + chunk(b"IEND"),
        BEGINS + chunk(b"IHDR") + chunk(b"IEND"),
    ],
)
def test_a_png_that_is_damaged_or_hides_something_is_refused(tmp_path: Path, broken: bytes) -> None:
    assert "picture" in refused(tmp_path, broken)


@pytest.mark.parametrize("name", ["missing.svg", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="TWOFOLD_LOGO_DARK names a file that cannot be read"):
        read_logo("TWOFOLD_LOGO_DARK", f"{tmp_path}/{name}")
