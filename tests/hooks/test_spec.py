import msgspec

from tlswitness.datapoint import SEED_VIEW
from tlswitness.hooks.spec import Kind, ModuleLimits, ModuleSpec

SPEC = ModuleSpec(name="m", kind=Kind.C, target="m.so", view=SEED_VIEW, headers=(("Authorization", "Bearer x"),))


def test_memory_is_counted_in_mib():
    assert ModuleLimits(memory=3).octets == 3_145_728


def test_it_travels_as_json_and_shows_no_secret():
    assert msgspec.json.decode(msgspec.json.encode(SPEC), type=ModuleSpec) == SPEC
    assert "Bearer" not in repr(SPEC)
