"""The table of detector costs, on one small turn."""

import numpy as np

from benchmarks.detectors import Entrant, main, moving_faces, race, table


def test_faces_move_and_pictures_have_the_size_asked_for():
    first, second = moving_faces((90, 160), 2)
    assert first.shape == second.shape == (90, 160, 3) and first.dtype == np.uint8
    assert (first != second).any()


def test_ratios_are_times_the_peer():
    peer = Entrant("deface", lambda picture: 2, wall=[40.0, 60.0, 50.0], cpu=[100.0, 100.0, 100.0], faces=2)
    ours = Entrant("ours", lambda picture: 2, wall=[10.0], cpu=[20.0], faces=2)
    assert "| ours | 10.0 | 20.0 | 5.00, 5.00 | 2 |" in table((360, 640), [peer, ours])


def test_a_race_gives_everyone_all_frames_and_does_not_count_the_first_turn():
    seen = []
    entrant = Entrant("a", lambda picture: seen.append(1) or 1)
    race([entrant], [np.zeros((4, 4, 3), np.uint8)] * 3, turns=2)
    assert len(seen) == 9 and len(entrant.wall) == len(entrant.cpu) == 2 and entrant.faces == 3


def test_the_command_prints_a_table_a_size(capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.detectors.SIZES", ((96, 160),))
    assert main(["--detector", "centerface", "--device", "cpu", "--frames", "1", "--turns", "1"]) == 0
    printed = capsys.readouterr().out
    assert "| 160x96 |" in printed and "| centerface on CPU" in printed and "| deface |" in printed
