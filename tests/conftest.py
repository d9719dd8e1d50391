"""What holds for all tests."""

import pytest
from hypothesis import settings

# A busy machine is no fault of what is tested.
settings.register_profile("dealcache", deadline=None)
settings.load_profile("dealcache")

# What stands in a suite that several modules run explains its failures as well as what stands in a test module.
pytest.register_assert_rewrite("tests.tier_contract")
