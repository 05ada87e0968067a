"""Each way in which a file is no module has its words."""

import errno
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.native import ECHO, EMPTY, Host, compiler

from tlswitness.hooks.host.native.jsonc import open_jsonc
from tlswitness.hooks.host.native.library import open_library


@pytest.fixture
def refused(build):
    """The words for a path."""
    build(EMPTY, name="probe.so")  # skips where there is no json-c
    jsonc = open_jsonc()
    assert not isinstance(jsonc, str), jsonc

    def words(path) -> str:
        answer = open_library(str(path), jsonc)
        assert isinstance(answer, str)
        return answer

    yield words
    jsonc.close()


def test_files_that_are_none(refused, tmp_path):
    (tmp_path / "text.so").write_text("int main")
    (tmp_path / "short.so").write_bytes(b"\x7fELF")
    (tmp_path / "dangling.so").symlink_to(tmp_path / "gone.so")
    (tmp_path / "circle.so").symlink_to(tmp_path / "circle.so")
    os.mkfifo(tmp_path / "pipe.so")
    assert refused(tmp_path / "no.so") == "there is no such file"
    assert refused(tmp_path) == "it is a directory"
    assert refused(tmp_path / "pipe.so") == "it is not a regular file"
    assert refused(tmp_path / "text.so") == "it is not a shared object (no ELF file)"
    assert refused(tmp_path / "short.so") == "it is not a shared object (no ELF file)"
    assert refused(tmp_path / "dangling.so") == f"it is a symbolic link to {tmp_path}/gone.so, which does not exist"
    assert refused(tmp_path / "circle.so").startswith("it cannot be found: ")
    assert refused("a\0b") == "a path has no NUL"
    assert "long" in refused("x" * 5000)


def test_another_machine_and_other_kinds_of_file(refused, build, tmp_path):
    whole = build(EMPTY).read_bytes()
    (tmp_path / "other.so").write_bytes(whole[:18] + b"\x08\x00" + whole[20:])
    assert refused(tmp_path / "other.so").startswith("it is for another machine: 64-bit mips; this process is 64-bit ")
    (tmp_path / "big.so").write_bytes(whole[:4] + b"\x01\x02" + whole[6:16] + b"\x00\x03\x00\x08" + whole[20:])
    assert "32-bit mips, big-endian" in refused(tmp_path / "big.so")
    (tmp_path / "cut.so").write_bytes(whole[:200])
    assert refused(tmp_path / "cut.so").startswith("it cannot be loaded: ")
    source = tmp_path / "main.c"
    source.write_text("int main(void) { return 0; }")
    subprocess.run([compiler(), "-c", "-o", tmp_path / "main.o", source], check=True)
    subprocess.run([compiler(), "-no-pie", "-o", tmp_path / "plain", source], check=True)
    subprocess.run([compiler(), "-pie", "-fPIE", "-o", tmp_path / "pie", source], check=True)
    assert refused(tmp_path / "main.o") == "it is an object file: link it with `cc -shared`"
    assert refused(tmp_path / "plain") == "it is a program, not a shared object"
    assert "position-independent executable" in refused(tmp_path / "pie")


def test_a_file_that_cannot_be_read(refused, build, monkeypatch):
    def head(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    path = build(EMPTY)
    monkeypatch.setattr("tlswitness.hooks.host.native.library._head", head)  # root may read everything
    assert refused(path) == "it cannot be read: Permission denied"


def test_symbols_and_libraries_that_are_missing(refused, build, tmp_path):
    assert refused(build("int x;", name="x.so")).startswith("it does not export core_smtp_tls_reporting; it must have")
    hidden = f"#pragma GCC visibility push(hidden)\n{EMPTY}"
    assert "does not export" in refused(build(hidden, name="hidden.so", head="struct json_object;\n"))
    undefined = "int not_there(void);" + EMPTY.replace("return 0", "return not_there()")
    words = "it needs the symbol not_there, which nothing that it is linked with has"
    assert refused(build(undefined, name="undefined.so")) == words
    helper = build("int helper(void) { return 1; }", name="libhelper.so")
    needing = "int helper(void);" + EMPTY.replace("return 0", "return helper()")
    path = build(needing, f"-L{tmp_path}", "-lhelper", name="needing.so")
    helper.unlink()
    assert refused(path) == "it needs the library libhelper.so, which cannot be found"


def test_another_jsonc_is_refused(refused, build):
    own = "int json_object_put(struct json_object *o) { return 0; }" + EMPTY
    assert "it brings a json-c of its own" in refused(build(own, name="own.so"))


def test_another_soname_of_jsonc_is_refused(build, tmp_path):
    other = build("int of_another_age;", "-Wl,-soname,libjson-c.so.4", name="libjson-c.so.4", link=False)
    source = "extern int of_another_age;" + EMPTY.replace("return 0", "return of_another_age")
    path = build(source, str(other), f"-Wl,-rpath,{tmp_path}", name="two.so")
    with Host(path) as host:
        assert host.failed.startswith("it brings another json-c: there are ")
        assert "libjson-c.so.4" in host.failed


def test_a_relative_path_is_from_here_and_not_from_the_library_path(build, text, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = build(ECHO)
    environ = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    with Host(path.name, cwd=tmp_path) as host:
        assert host.call(1, text)["answer"] == 0
    with Host(path.name, cwd=elsewhere, environ=environ) as host:
        assert host.failed == "there is no such file"
    (elsewhere / "link.so").symlink_to(Path("..") / path.name)
    with Host("link.so", cwd=elsewhere) as host:
        assert host.call(1, text)["answer"] == 0


def test_a_module_not_linked_with_jsonc_finds_it(build, text):
    with Host(build(ECHO, link=False)) as host:
        assert len(host.call(1, text)["printed"]) == 1
