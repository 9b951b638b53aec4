"""What the doctor finds in source, and what it leaves alone: each line that is told of is marked, and no other is."""

from __future__ import annotations

import pytest
from programs_of_ids import IDS
from programs_of_places import HANDING_ON, SETTING_UP, SILENCED
from programs_of_scopes import ENTERING, STREAMING
from sources import look, marked, told

PROGRAMS = {**ENTERING, **STREAMING, **IDS, **SETTING_UP, **HANDING_ON, **SILENCED}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_wrong_is_told_at_its_line_and_nothing_else(tmp_path, name):
    assert told(look(tmp_path, **{name: PROGRAMS[name]})) == marked(**{name: PROGRAMS[name]})
