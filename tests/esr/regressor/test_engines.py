from importlib.metadata import EntryPoint

import pytest
from small_engines import Forms, Plane

from esr.errors import ConfigurationError
from esr.regressor.engines import GROUP, find_engine, installed_engines
from esr.search import Stages


def point(name: str, place: str) -> EntryPoint:
    return EntryPoint(name=name, value=place, group=GROUP)


POINTS = (
    point("hopfield", "small_engines:Plane"),
    point("forms", "small_engines:Forms"),
    point("lost", "no_such_module:Engine"),
)


def test_an_object_is_its_own_engine() -> None:
    engine = Forms("x")
    assert find_engine(engine) is engine
    with pytest.raises(ConfigurationError, match="a name or an object with a method search"):
        find_engine(Plane)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="init is for engines given by name"):
        find_engine(engine, init="file")


def test_names_are_those_of_entry_points() -> None:
    assert isinstance(find_engine("hopfield", points=POINTS), Plane)
    assert isinstance(find_engine("forms", points=POINTS), Forms)
    with pytest.raises(ConfigurationError, match=r"did you mean 'hopfield'\? .*pip install -e"):
        find_engine("hopfeld", points=POINTS)
    with pytest.raises(ConfigurationError, match="'lost' cannot be imported from no_such"):
        find_engine("lost", points=POINTS)


def test_auto_shares_the_time_among_all() -> None:
    engine = find_engine("auto", points=POINTS[:2])
    assert isinstance(engine, Stages)
    assert list(engine.engines) == ["hopfield", "forms"]
    assert 0 < engine.shares["hopfield"] < 1
    assert engine.shares["forms"] == 1
    assert isinstance(find_engine("auto", points=POINTS[:1]), Plane)


def test_a_start_goes_to_the_engines_that_take_one() -> None:
    eql = point("eql", "baselines.eql.engine:EQLEngine")
    engine = find_engine("auto", init="folder", points=[POINTS[0], eql])
    assert isinstance(engine, Stages)
    assert vars(engine.engines["eql"])["init"] == "folder"
    with pytest.raises(ConfigurationError, match="of the engines hopfield none takes an init"):
        find_engine("hopfield", init="folder", points=POINTS)


def test_the_own_engine_needs_no_installation() -> None:
    assert installed_engines()["hopfield"].group == GROUP
