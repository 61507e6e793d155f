import asyncio
import os

import pytest
from picture_server import encoded, photo

from scrape.decode import Rules, prepare
from scrape.decoders import Decoders
from scrape.failure import Failure


class Killer:
    """What ends the process that unpacks it, as a file may that a decoder stumbles over."""

    def __reduce__(self):
        return os._exit, (1,)


def test_a_file_that_kills_its_decoder_costs_itself_only(tmp_path):
    async def decode():
        decoders = Decoders(tmp_path, Rules(100, 10**6, 90, False), workers=1)
        try:
            files = [encoded(photo(1)), Killer(), encoded(photo(2)), b"<html>"]
            return await asyncio.gather(*map(decoders.prepare, files), return_exceptions=True)
        finally:
            decoders.close()

    first, killer, second, page = asyncio.run(decode())
    assert (killer.reason, killer.detail) == ("broken", "the file kills its decoder")
    assert first.sha256 != second.sha256 and first.part.exists() and second.part.exists()
    assert (page.reason, page.detail) == ("not_a_picture", "a web page (HTML)")


def test_what_a_library_says_of_a_damaged_file_stays_with_its_process(tmp_path, capfd):
    whole = encoded(photo(1), "TIFF", compression="tiff_lzw")
    torn = bytearray(whole)
    torn[20:200] = bytes(range(180))

    async def decode():
        decoders = Decoders(tmp_path, Rules(100, 10**6, 90, False), workers=1)
        try:
            return await asyncio.gather(decoders.prepare(bytes(torn)), return_exceptions=True)
        finally:
            decoders.close()

    (failure,) = asyncio.run(decode())
    assert failure.reason in ("broken", "truncated")
    assert capfd.readouterr().err == ""
    with pytest.raises(Failure):
        prepare(bytes(torn), Rules(100, 10**6, 90, False), tmp_path, 1)
    assert "tempfile.tif" in capfd.readouterr().err


def test_failures_travel_between_processes_whole():
    import pickle

    failure = pickle.loads(pickle.dumps(Failure("too_small", "9x9", width=9, height=9)))
    assert (failure.reason, failure.detail, failure.facts) == ("too_small", "9x9", {"width": 9, "height": 9})
    with pytest.raises(Failure, match="too_small"):
        raise failure
