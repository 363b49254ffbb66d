"""The registry: versions, owners, stages, approvals and history, in one append-only log.

This area promises that a version means one digest for ever, that nothing moves up a
route unless its gates are open, and that every state it tells can be derived from what
happened: who, when, why, on which evidence. It runs on SQLite in a file, with nothing to
set up, and on PostgreSQL for a team. It never verifies packages; evidence reaches it as
a value.
"""

from ketch.registry.desk import Desk, Known, LocalDesk, evidence
from ketch.registry.events import Event, Head, Kind
from ketch.registry.fsck import Audit, check_registry
from ketch.registry.gates import Candidate, Evidence, Gate, Proof
from ketch.registry.judgement import Judgement
from ketch.registry.opening import local_desk, open_desk, person
from ketch.registry.policy import LayerPart, Policy
from ketch.registry.registry import Page, Registry
from ketch.registry.rollouts import Rollout, Side
from ketch.registry.route import Approval, Arm, Place, Rejection, Route
from ketch.registry.share import Share
from ketch.registry.sql.claims import Claim
from ketch.registry.sql.database import Database, open_database
from ketch.registry.sql.queries import Version

__all__ = [
    "Approval",
    "Arm",
    "Audit",
    "Candidate",
    "Claim",
    "Database",
    "Desk",
    "Event",
    "Evidence",
    "Gate",
    "Head",
    "Judgement",
    "Kind",
    "Known",
    "LayerPart",
    "LocalDesk",
    "Page",
    "Place",
    "Policy",
    "Proof",
    "Registry",
    "Rejection",
    "Rollout",
    "Route",
    "Share",
    "Side",
    "Version",
    "check_registry",
    "evidence",
    "local_desk",
    "open_database",
    "open_desk",
    "person",
]
