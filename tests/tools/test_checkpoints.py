"""`make checkpoints` names the lessons that have a checkpoint."""

import pytest

from tools import checkpoints


@pytest.mark.parametrize("numbers", [[], ["01"]])
def test_without_a_checkpoint_the_lessons_that_have_one_are_told(numbers):
    with pytest.raises(SystemExit, match="lessons that use one: 00, 02, 13$"):
        checkpoints.main(numbers)
