"""Modules in C from load to close, each in a process of its own; those that kill it too."""

import ctypes
import signal
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.native import ABORT, CORRUPT, ECHO, EMPTY, ENDLESS, EXIT, HEAD, SEGFAULT, Host, hook

from tlswitness.datapoint import SEED_VIEW, Finding, View
from tlswitness.datapoint.limits import MAX_DEPTH, MAX_EPOCH
from tlswitness.hooks.host.native import host as native
from tlswitness.hooks.host.native.host import NativeCallee
from tlswitness.hooks.spec import Kind, ModuleSpec

LIFE = """
int tlswitness_module_init(void **closure, const char *config)
{ if (*closure) return 99; printf("init <%s>\\n", config); *closure = strdup(config); return 0; }
void tlswitness_module_deinit(void *closure) { printf("deinit <%s>\\nand no end", (char *)closure); free(closure); }
""" + hook('printf("told <%s>\\n", (char *)closure); return -7;')


def test_what_a_module_is_told_is_the_paniclog_text_to_the_byte(build, any_point):
    with Host(build(ECHO)) as host:

        @settings(max_examples=150)
        @given(any_point, st.integers(0, MAX_EPOCH), st.sampled_from([View(), SEED_VIEW]))
        def tell(point, epoch, view):
            finding = Finding(point).seen(view)
            if finding is not None:
                assert host.call(epoch, finding.text)["printed"] == [finding.paniclog(epoch)]

        tell()
        assert host.close()["closed"]


@pytest.mark.parametrize("value", ["18446744073709551615", "-9223372036854775808", "1.5e300", '"\\u0000a"', '"€😀"'])
def test_values_at_the_ends_of_what_is_allowed(build, text, value):
    finding = Finding.decode(f'{text[:-1]},"x":{value}}}')
    with Host(build(ECHO)) as host:
        assert host.call(1, finding.text)["printed"] == [finding.paniclog(1)]


def test_a_point_as_deep_and_as_large_as_one_may_be(build, text):
    depth = MAX_DEPTH - 1
    deep = Finding.decode(f'{text[:-1]},"x":{"[" * depth}{"]" * depth}}}')
    large = Finding.decode(text[:-1] + ',"x":[' + ",".join(['"' + "/" * 100 + '"'] * 2000) + "]}")
    assert isinstance(deep, Finding)
    assert isinstance(large, Finding)
    length = hook('printf("%zu\\n", strlen(json_object_to_json_string_ext(json, 1))); return 0;')
    with Host(build(ECHO)) as host:
        assert host.call(1, deep.text)["printed"] == [deep.paniclog(1)]
    with Host(build(length, name="length.so")) as host:
        assert host.call(1, large.text)["printed"] == [str(len(large.paniclog(1)))]


def test_its_life(build, text):
    with Host(build(LIFE), config="größe = 1") as host:
        assert host.hello == {"loaded": True, "printed": ["init <größe = 1>"]}
        assert host.call(1, text) == {"answer": -7, "printed": ["told <größe = 1>"]}
        assert host.close() == {"closed": True, "printed": ["deinit <größe = 1>", "and no end"]}


def test_an_init_that_refuses(build):
    source = 'int tlswitness_module_init(void **closure, const char *config) { puts("why"); return -3; }' + EMPTY
    with Host(build(source)) as host:
        assert host.failed == "its tlswitness_module_init returned -3; 0 means that it is ready"
        assert host.hello["printed"] == ["why"]


def test_all_of_it_in_one_thread_that_is_not_the_main_one(build, text):
    source = """
    #include <sys/syscall.h>
    static long thread;
    int tlswitness_module_init(void **closure, const char *config) { thread = syscall(SYS_gettid); return 0; }
    void tlswitness_module_deinit(void *closure) { printf("%d\\n", thread == syscall(SYS_gettid)); }
    """ + hook("return (thread == syscall(SYS_gettid)) + 2 * (thread != getpid());")
    with Host(build(source, head=f"#define _GNU_SOURCE\n{HEAD}")) as host:
        assert [host.call(1, text)["answer"] for _ in range(2)] == [3, 3]
        assert host.close()["printed"] == ["1"]


def test_an_object_may_be_kept_and_changed(build, text):
    source = """
    extern struct json_object *json_object_get(struct json_object *);
    extern int json_object_put(struct json_object *);
    extern void json_object_object_del(struct json_object *, const char *);
    static struct json_object *kept;
    """ + hook("""
        long before = kept ? EPOCH(kept) : 0;
        if (kept) json_object_put(kept);
        kept = json_object_get(json);
        json_object_object_del(json, "policy");
        printf("%s\\n", json_object_to_json_string_ext(json, 0));
        return before;""")
    with Host(build(source)) as host:
        answers = [host.call(epoch, text) for epoch in (5, 6, 7)]
        assert [answer["answer"] for answer in answers] == [0, 5, 6]
        assert answers[2]["printed"] == ['{"epoch":7,"type":1}']


def test_objects_are_given_back(build, text):
    source = "#include <malloc.h>\n" + hook("return mallinfo2().uordblks / 1024;")
    with Host(build(source)) as host:
        used = [host.call(epoch, text)["answer"] for epoch in range(3000)]
    assert used[-1] - used[500] < 200, "KiB; 2,500 objects would take more than 1,000"


@pytest.mark.parametrize(
    ("source", "code"),
    [(SEGFAULT, -signal.SIGSEGV), (ABORT, -signal.SIGABRT), (EXIT, 3), (CORRUPT, -signal.SIGABRT)],
    ids=["segfault", "abort", "exit", "corrupt"],
)
def test_a_module_that_ends_its_process_is_not_hidden(build, text, source, code):
    with Host(build(source)) as host:
        assert host.call(1, text)["answer"] == 0
        assert host.call(1000, text) is None
        assert host.process.wait(20) == code


def test_a_module_that_never_returns_can_be_killed(build, text):
    source = ENDLESS.replace("for (;;)", 'if (write(2, "", 1) > -2) for (;;)')
    with Host(build(source)) as host:
        assert host.call(1, text)["answer"] == 0
        host.process.stdin.write('{"epoch": 1000, "text": ' + repr(text).replace('"', '\\"').replace("'", '"') + "}\n")
        host.process.stdin.flush()
        host.process.kill()
        assert host.process.wait(20) == -signal.SIGKILL


def _spec(target: str = "x.so", config: str = "") -> ModuleSpec:
    return ModuleSpec(name="m", kind=Kind.C, target=target, view=SEED_VIEW, config=config)


def test_the_main_thread_is_refused():
    with pytest.raises(RuntimeError, match="never loaded on the main thread"):
        native.load(_spec(), print)


def _in_a_thread(call):
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


def test_a_config_with_a_nul():
    failed = _in_a_thread(lambda: native.load(_spec(config="a\0b"), print))
    assert str(failed) == "hook 'm' is not loaded: x.so: its config has a NUL, which ends a text in C"


def test_no_jsonc(monkeypatch):
    monkeypatch.setattr("tlswitness.hooks.host.native.jsonc.SONAME", "libjson-c.so.0815")
    failed = _in_a_thread(lambda: native.load(_spec(), print))
    assert "Debian's package is libjson-c5" in failed.reason


class _Nothing:
    """In place of json-c and the capture, which another thread must not reach."""

    point = put = take = None


def test_another_thread_is_refused(build):
    callee = _in_a_thread(lambda: NativeCallee(ctypes.CDLL(str(build(EMPTY))), None, _Nothing(), _Nothing()))
    with pytest.raises(RuntimeError, match="thread that loaded it"):
        callee.call(1, None)
    with pytest.raises(RuntimeError, match="thread that loaded it"):
        callee.close()
