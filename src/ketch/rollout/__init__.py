"""Rollouts, decided by pure functions: which arm a unit has, and what the evidence says."""

from ketch.rollout.assign import BUCKETS, Assignment, Claim, Layer, Split, bucket, rollout_id

__all__ = ["BUCKETS", "Assignment", "Claim", "Layer", "Split", "bucket", "rollout_id"]
