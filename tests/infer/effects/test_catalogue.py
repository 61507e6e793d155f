import numpy as np
import pytest

from common.errors import UserError
from infer.effects import EFFECTS, open_effect
from infer.settings import Cover


@pytest.mark.parametrize("name", EFFECTS)
def test_every_effect_opens_without_options_and_says_what_it_is(name):
    effect = open_effect(name)
    assert effect.name == name and EFFECTS[name].summary
    assert effect.anonymises == (EFFECTS[name].anonymises != "no")
    assert effect.needs_alpha == (name == "cutout")
    if not effect.anonymises:
        assert effect.notes


def test_the_default_anonymises():
    effect = open_effect(Cover().effect)
    assert effect.anonymises and not effect.notes


def test_an_unknown_name_gets_a_suggestion_and_the_list():
    with pytest.raises(UserError, match=r"(?s)mean 'pixelate'.*gaussian"):
        open_effect("pixellate")
    with pytest.raises(UserError, match="clean-plate"):
        open_effect("xyz")


def test_an_unknown_option_names_those_there_are():
    with pytest.raises(UserError, match="it takes: strength"):
        open_effect("gaussian", colour="red")
    with pytest.raises(UserError, match="no options"):
        open_effect("cutout", colour="red")


@pytest.mark.parametrize("name", [name for name in EFFECTS if EFFECTS[name].anonymises == "reversible when weak"])
def test_a_weak_setting_says_that_it_may_be_reversible(name):
    weak, strong = open_effect(name, strength=0.3), open_effect(name, strength=0.67)
    assert not weak.anonymises and "may be reversible" in weak.notes[0]
    assert strong.anonymises and not strong.notes


@pytest.mark.parametrize("strength", [0, -1, "strong", float("nan"), float("inf")])
def test_a_strength_is_a_number_above_zero(strength):
    with pytest.raises(UserError, match="strength"):
        open_effect("pixelate", strength=strength)


def test_none_as_an_option_means_the_default():
    assert open_effect("fill", colour=None).colour == (0, 0, 0)
    with pytest.raises(UserError, match="no colour"):
        open_effect("fill", colour="blackish")
    with pytest.raises(UserError, match="width"):
        open_effect("outline", width=-2)
    assert np.array_equal(open_effect("fill", colour="#0f0").colour, (0, 255, 0))
