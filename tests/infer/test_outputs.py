from pathlib import Path

import pytest

from infer.outputs import Outputs, staged_outputs


@pytest.mark.parametrize("detections", [True, False])
def test_the_masked_file_gets_its_name_last(detections, tmp_path, monkeypatch):
    final = Outputs.beside(tmp_path / "masked.mp4", detections=detections)
    renamed, real = [], Path.replace

    def replace(path, target):
        assert not final.masked.exists()
        renamed.append(Path(target))
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with staged_outputs(final, overwrite=False) as files:
        assert [path.parent for path in files.paths] == [tmp_path] * len(final.paths)
        for path in files.paths:
            path.write_bytes(b"whole")
        assert not any(path.exists() for path in final.paths)
    assert renamed[-1] == final.masked
    assert sorted(renamed) == sorted(final.paths) == sorted(tmp_path.iterdir())


def test_an_error_gives_no_file_a_name(tmp_path):
    with pytest.raises(ValueError), staged_outputs(Outputs.beside(tmp_path / "masked.mp4"), overwrite=False) as files:
        files.masked.write_bytes(b"half")
        raise ValueError
    assert list(tmp_path.iterdir()) == []
