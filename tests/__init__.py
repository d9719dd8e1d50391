"""Tests, and what they share."""

import pytest

# What stands in a suite that several modules run explains its failures as well as what stands in a test module.
pytest.register_assert_rewrite("tests.tier_contract")
