"""Modules joined into one script: in the order of need, without import and export, and no name twice."""

import pytest

from experiments.view.script import names_at_the_top, one_script

GOOD = {
    "main.js": 'import { b, Box } from "./b.js";\nimport {\n  c,\n} from "./c.js";\n\nexport const main = b + c;\n',
    "b.js": 'import { c } from "./c.js";\nconst own = 1;\nexport class Box {}\nexport const b = c + own;\n',
    "c.js": "// import of nothing\nexport const c = 2;\n",
}


def joined(folder, **changed):
    for name, source in (GOOD | {f"{module}.js": source for module, source in changed.items()}).items():
        (folder / name).write_text(source, encoding="utf-8")
    return one_script("main.js", folder)


def test_modules_stand_in_the_order_of_need(tmp_path):
    script = joined(tmp_path)
    assert "import {" not in script
    assert "export" not in script
    places = [script.index(text) for text in ("const c = 2", "class Box", "const b =", "const main")]
    assert places == sorted(places)
    assert script.count("const c = 2") == 1


@pytest.mark.parametrize(
    ("module", "source", "says"),
    [
        ("c", "export const c = 2;\nconst own = 3;\n", "b.js and c.js both name own"),
        ("c", "export const c = 2;\nfunction own() {}\n", "both name own"),
        ("c", "export const c = 2;\nconst [x, own] = [1, 2];\n", "both name own"),
        ("c", "export const c = 2;\nconst { x: own, y } = z;\n", "both name own"),
        ("c", 'import { b } from "./b.js";\nexport const c = 2;\n', "main.js imports b.js imports c.js imports b.js"),
        ("c", "export default 2;\n", "not understood"),
        ("c", 'export { c } from "./d.js";\n', "not understood"),
        ("c", 'export const c = import("./d.js");\n', "not understood"),
        ("b", 'import { c as d } from "./c.js";\nexport const b = d;\n', "not understood"),
        ("c", 'export const c = "</SCRIPT>";\n', "would end the script"),
    ],
)
def test_what_one_script_cannot_be_is_refused(tmp_path, module, source, says):
    with pytest.raises(ValueError, match=says):
        joined(tmp_path, **{module: source})


def test_names_inside_of_functions_do_not_count():
    source = "function f() {\n  const x = 1;\n}\nasync function g() {}\nconst { a, b: c } = f();\nlet d;\n"
    assert sorted(names_at_the_top(source)) == ["a", "c", "d", "f", "g"]
