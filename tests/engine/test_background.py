import asyncio

from tlswitness.engine.background import background, cancel


async def test_what_goes_on_is_ended_and_waited_for(caplog):
    ended = []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(1)

    task = background(work())
    await asyncio.sleep(0)
    await cancel(task)
    assert ended == [1]
    assert caplog.text == ""


async def test_a_bug_in_it_is_told(caplog):
    async def work():
        raise ValueError("oops")

    task = background(work())
    await asyncio.wait({task})
    await cancel(task)
    assert "a background task ended: ValueError('oops')" in caplog.text
