"""Judging components: trace SNR, spatial consistency, reliability, and the decision."""
