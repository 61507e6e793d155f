from benchmarks.effects import main


def test_the_tables_name_every_effect_and_defaults_leave_no_face_to_find(capsys):
    assert main(["--seconds", "0.001", "--sizes", "96x64", "--objects", "1,2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    costs = {line.split()[0]: line for line in lines if "96x64" in line}
    assert list(costs) == [
        *["fill", "pixelate", "gaussian", "average", "median", "bilateral"],
        *["clean-plate", "background", "cutout", "outline", "none"],
    ]
    assert all(line.count("/") == 2 for line in costs.values())
    hides = [line for line in lines if " of 6 " in line]
    defaults = [line for line in hides if line.split()[1] in ("1", "0")]
    assert len(defaults) == 7 and all("0 of 6" in line for line in defaults)
    weak = [line for line in hides if line.split()[1] == "0.4"]
    assert len(weak) == 5 and all(line.endswith("reversible") for line in weak)
